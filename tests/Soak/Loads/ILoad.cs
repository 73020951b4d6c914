namespace Soak.Loads;

/// <summary>One kind of exchange between a client and an upstream, through the gateway.</summary>
internal interface ILoad
{
    string Name { get; }

    /// <summary>Out of all exchanges, how many are of this kind.</summary>
    int Weight { get; }

    /// <summary>Makes one exchange and checks every byte; returns how many bytes were moved.</summary>
    /// <param name="port">The gateway's port.</param>
    /// <param name="random">Draws sizes.</param>
    /// <param name="cancellationToken">Ends it when it takes too long.</param>
    Task<long> RunAsync(int port, Random random, CancellationToken cancellationToken);
}
