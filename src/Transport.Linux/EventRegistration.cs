namespace Transport.Linux;

/// <summary>Names one descriptor's registration with an <see cref="EventLoop"/>.</summary>
/// <remarks>An event that was already fetched for a registration that has ended is dropped, even if the descriptor's number was reused.</remarks>
public readonly struct EventRegistration : IEquatable<EventRegistration>
{
    internal EventRegistration(int descriptor, ulong key)
    {
        Descriptor = descriptor;
        Key = key;
    }

    internal int Descriptor { get; }

    internal ulong Key { get; }

    /// <inheritdoc/>
    public bool Equals(EventRegistration other) => Key == other.Key && Descriptor == other.Descriptor;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is EventRegistration other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Descriptor, Key);

    /// <summary>Whether both name the same registration.</summary>
    public static bool operator ==(EventRegistration left, EventRegistration right) => left.Equals(right);

    /// <summary>Whether they name different registrations.</summary>
    public static bool operator !=(EventRegistration left, EventRegistration right) => !left.Equals(right);
}
