using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Model;

namespace Yarp.Splice.Routing;

/// <summary>
/// YARP's count of what a destination is busy with, which its policies read. The public property cannot be incremented atomically, and
/// the counter behind it is internal.
/// </summary>
internal static class DestinationConcurrency
{
    private const string CounterType = "Yarp.ReverseProxy.Utilities.AtomicCounter, Yarp.ReverseProxy";

    public static void Increment(DestinationState destination) => _ = Increment(CounterOf(destination));

    public static void Decrement(DestinationState destination) => _ = Decrement(CounterOf(destination));

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_ConcurrencyCounter")]
    [return: UnsafeAccessorType(CounterType)]
    private static extern object CounterOf(DestinationState destination);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = nameof(Increment))]
    private static extern int Increment([UnsafeAccessorType(CounterType)] object counter);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = nameof(Decrement))]
    private static extern int Decrement([UnsafeAccessorType(CounterType)] object counter);
}
