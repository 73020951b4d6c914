namespace Soak;

/// <summary>Something arrived that was not sent, or in the wrong order, or a part of it did not, without an error that says so.</summary>
internal sealed class WrongBytesException(string message) : Exception(message);
