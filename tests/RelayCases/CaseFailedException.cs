namespace RelayCases;

/// <summary>The relay did not do what the case expects.</summary>
public sealed class CaseFailedException(string message, Exception? inner = null) : Exception(message, inner);
