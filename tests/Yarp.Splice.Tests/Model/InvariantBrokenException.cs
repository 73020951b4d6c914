namespace Yarp.Splice.Tests.Model;

/// <summary>A transition has done what must never happen.</summary>
internal sealed class InvariantBrokenException(string message) : Exception(message);
