namespace Bench.Driver;

/// <summary>A command line that cannot be obeyed. The program ends with exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
