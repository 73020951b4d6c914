namespace Yarp.Splice.Sessions;

/// <summary>What counts are kept apart by.</summary>
internal readonly record struct CounterKey(string RouteId, string ClusterId, string? DestinationId);
