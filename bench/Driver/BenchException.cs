namespace Bench.Driver;

/// <summary>A run that cannot give a sound number; the message says why.</summary>
internal sealed class BenchException(string message) : Exception(message);
