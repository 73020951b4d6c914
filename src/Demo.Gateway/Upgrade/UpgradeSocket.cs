using System.Globalization;
using System.Net.Sockets;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Upgrade;

/// <summary>The Unix socket at which the next instance asks for the listening sockets. Only this user, and root, can connect.</summary>
internal sealed class UpgradeSocket : IDisposable
{
    private readonly string _path;
    private readonly Socket _socket;

    private UpgradeSocket(string path, Socket socket)
    {
        _path = path;
        _socket = socket;
    }

    /// <summary>Listens there, in the place of an instance of before.</summary>
    /// <exception cref="MachineRefusalException">The file cannot be made.</exception>
    public static UpgradeSocket Open(string path)
    {
        // Made beside its place and moved there, so that at no time nobody, or somebody who was not to, could connect.
        var made = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}");
        var socket = UpgradeChannel.CreateSocket();
        try
        {
            File.Delete(made);
            socket.Bind(new UnixDomainSocketEndPoint(made));
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(made, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            }

            socket.Listen();
            File.Move(made, path, overwrite: true);
            return new UpgradeSocket(path, socket);
        }
        catch (Exception exception) when (exception is SocketException or IOException or UnauthorizedAccessException)
        {
            socket.Dispose();
            throw new MachineRefusalException(
                $"{UpgradeOptions.SocketKey} is '{path}', which cannot be made: {SingleLine.Of(exception.Message)}; accepted is a file in a folder that the gateway may write to.",
                exception);
        }
    }

    public async Task<UpgradeChannel> AcceptAsync(CancellationToken cancellationToken) => new(await _socket.AcceptAsync(cancellationToken));

    /// <summary>Stops listening; the file belongs to the next instance.</summary>
    public void Dispose() => _socket.Dispose();

    /// <summary>Stops listening, and nobody comes after.</summary>
    public void Remove()
    {
        try
        {
            File.Delete(_path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The gateway may have become another user; who finds the file sees that nobody listens.
        }

        Dispose();
    }
}
