namespace Yarp.Splice.Tests.Model;

/// <summary>Something that a peer does of its own will: sends one unit, FIN, or RST.</summary>
internal readonly record struct PeerStep(StepKind Kind, byte At);
