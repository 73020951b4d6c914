namespace Transport.Linux;

/// <summary>What Kestrel's connections do. Bytes that have not changed between two looks mean that all of them were silent.</summary>
/// <param name="Open">Connections that are open.</param>
/// <param name="Bytes">Bytes received and sent since the start, by open connections and by others.</param>
public readonly record struct ConnectionActivity(long Open, long Bytes);
