namespace Soak;

/// <summary>The command line can't be understood.</summary>
internal sealed class UsageException(string message) : Exception(message);
