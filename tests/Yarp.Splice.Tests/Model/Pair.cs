using System.Runtime.CompilerServices;

namespace Yarp.Splice.Tests.Model;

/// <summary>Two of a kind: the client's (or from the client) first, then the upstream's.</summary>
[InlineArray(2)]
internal struct Pair<T>
{
    private T _first;
}
