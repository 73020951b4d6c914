using System.Text;
using Microsoft.Extensions.Configuration;

namespace Yarp.Splice.Tests;

/// <summary>A configuration source whose JSON a test can replace.</summary>
internal sealed class JsonText : ConfigurationProvider, IConfigurationSource
{
    public JsonText(string json) => Read(json);

    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

    public void Replace(string json)
    {
        Read(json);
        OnReload();
    }

    private void Read(string json)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(json));
        Data = new Dictionary<string, string?>(
            new ConfigurationBuilder().AddJsonStream(stream).Build().AsEnumerable(), StringComparer.OrdinalIgnoreCase);
    }
}
