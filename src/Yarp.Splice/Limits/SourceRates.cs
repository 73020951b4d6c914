using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Yarp.Splice.Limits;

/// <summary>
/// How fast each source opens connections: a token bucket for each, kept as the moment at which it will be full again (the generic cell rate
/// algorithm, ITU-T I.371). The table has a fixed size; a source that finds no room takes that of the one whose bucket is the fullest, which has the
/// least to lose. Thread-safe.
/// </summary>
internal sealed class SourceRates
{
    private const int Ways = 8;
    private const int Locks = 64;

    private readonly Entry[] _entries;
    private readonly Lock[] _locks = [.. Enumerable.Range(0, Locks).Select(static _ => new Lock())];
    private readonly int _sets;

    // Unknown to whoever chooses the addresses, so that nobody can aim at one set.
    private readonly ulong _seed = BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    /// <param name="capacity">Sources that are remembered: a power of two, from 8 on. Each takes 16 bytes.</param>
    public SourceRates(int capacity = 65_536)
    {
        _entries = new Entry[capacity];
        _sets = capacity / Ways;
    }

    /// <summary>
    /// What counts as one source: an IPv4 address, or the /64 network of an IPv6 address, because a host has all addresses of its network
    /// (RFC 6177). <see langword="null"/> for what has no IP address.
    /// </summary>
    public static ulong? SourceOf(EndPoint? endPoint)
    {
        if (endPoint is not IPEndPoint { Address: var address })
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out _);
        return address.AddressFamily == AddressFamily.InterNetwork ? BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : address.IsIPv4MappedToIPv6 ? BinaryPrimitives.ReadUInt32BigEndian(bytes[12..])
            // Networks whose upper half is zero are not given out (RFC 4291), so none is taken for an IPv4 address.
            : BinaryPrimitives.ReadUInt64BigEndian(bytes);
    }

    /// <summary>Counts a connection, unless the source has opened too many lately.</summary>
    /// <param name="source">The source.</param>
    /// <param name="rate">Connections a second.</param>
    /// <param name="burst">Connections at once after a pause.</param>
    public bool TryTake(ulong source, int rate, int burst) => TryTake(source, rate, burst, Stopwatch.GetTimestamp());

    /// <summary>As above, at a moment of <see cref="Stopwatch"/>.</summary>
    public bool TryTake(ulong source, int rate, int burst, long now)
    {
        var hash = (source ^ _seed) * 0x9E3779B97F4A7C15;
        var set = (int)((hash >> 32) % (uint)_sets);
        var interval = Math.Max(Stopwatch.Frequency / rate, 1);
        lock (_locks[set % Locks])
        {
            ref var entry = ref Find(_entries.AsSpan(set * Ways, Ways), source);
            var full = Math.Max(entry.Source == source ? entry.FullAt : now, now) + interval;
            if (full - now > interval * burst)
            {
                return false;
            }

            entry = new Entry(source, full);
            return true;
        }
    }

    private static ref Entry Find(Span<Entry> set, ulong source)
    {
        var best = 0;
        for (var i = 0; i < set.Length; i++)
        {
            if (set[i].Source == source && set[i].FullAt != 0)
            {
                return ref set[i];
            }

            best = set[i].FullAt < set[best].FullAt ? i : best;
        }

        return ref set[best];
    }

    private readonly record struct Entry(ulong Source, long FullAt);
}
