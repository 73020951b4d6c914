using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Transport.Linux.Connections;
using Transport.Linux.Files;

namespace Transport.Linux.Kestrel;

/// <summary>Binds Kestrel's endpoints to the event loops. Kestrel asks <see cref="CanBind"/> and goes on to its own transport if it is false.</summary>
internal sealed class LinuxTransportFactory : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly EventLoopGroup _loops;
    private readonly LinuxConnectionFactory _connections;

    public LinuxTransportFactory(
        EventLoopGroup loops,
        IOptions<LinuxTransportOptions> options,
        ILoggerFactory loggerFactory,
        IMemoryPoolFactory<byte>? memoryPoolFactory = null,
        OpenFileCache? files = null)
    {
        _loops = loops;
        _connections = new LinuxConnectionFactory(
            loops, options.Value, memoryPoolFactory, sendsFiles: files is not null, loggerFactory.CreateLogger("Transport.Linux"));
    }

    public bool CanBind(EndPoint endpoint) => endpoint switch
    {
        IPEndPoint or UnixDomainSocketEndPoint => true,
        FileHandleEndPoint handle => handle.FileHandleType is FileHandleType.Auto or FileHandleType.Tcp,
        _ => false,
    };

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = new LinuxConnectionListener(_connections);
        listener.Bind(_loops, endpoint);
        return ValueTask.FromResult<IConnectionListener>(listener);
    }
}
