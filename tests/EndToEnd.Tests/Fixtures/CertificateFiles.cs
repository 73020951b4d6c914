using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Testing;

namespace EndToEnd.Tests.Fixtures;

/// <summary>A self-signed certificate and its key, as PEM files in a folder of their own.</summary>
internal sealed class CertificateFiles : IDisposable
{
    private readonly TemporaryFolder _folder = new("gateway-certificate");

    public CertificateFiles(string name)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(Certificate, certificate.ExportCertificatePem());
        File.WriteAllText(Key, key.ExportPkcs8PrivateKeyPem());
        if (!OperatingSystem.IsWindows())
        {
            // PostgreSQL refuses a key that others may read.
            File.SetUnixFileMode(Key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    public string Certificate => _folder["certificate.pem"];

    public string Key => _folder["key.pem"];

    /// <summary>What an endpoint of Kestrel's has under <c>Certificate</c>.</summary>
    public JsonObject ForEndpoint() => new() { ["Path"] = Certificate, ["KeyPath"] = Key };

    public void Dispose() => _folder.Dispose();
}
