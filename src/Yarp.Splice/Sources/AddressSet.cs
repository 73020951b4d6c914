using System.Net;

namespace Yarp.Splice.Sources;

/// <summary>
/// A list of addresses and networks. Asking costs a binary search whatever the length of the list: overlapping and adjoining entries are joined,
/// and the rest is sorted. Immutable; equal if it holds the same addresses.
/// </summary>
internal sealed class AddressSet : IEquatable<AddressSet>
{
    private readonly Ranges _ipv4;
    private readonly Ranges _ipv6;

    public AddressSet(IEnumerable<AddressRange> ranges)
    {
        var byFamily = ranges.ToLookup(static range => range.IsIpv4);
        _ipv4 = new Ranges(byFamily[true]);
        _ipv6 = new Ranges(byFamily[false]);
    }

    /// <summary>Whether the endpoint's address is in the list. Endpoints without an IP address are in none.</summary>
    public bool Contains(EndPoint? endPoint) => endPoint is IPEndPoint ip && Contains(ip.Address);

    public bool Contains(IPAddress address)
    {
        var number = AddressNumber.Of(address);
        return (number.IsIpv4 ? _ipv4 : _ipv6).Contain(number.Value);
    }

    public bool Equals(AddressSet? other) => other is not null && _ipv4.Equals(other._ipv4) && _ipv6.Equals(other._ipv6);

    public override bool Equals(object? obj) => Equals(obj as AddressSet);

    public override int GetHashCode() => HashCode.Combine(_ipv4, _ipv6);

    private readonly struct Ranges : IEquatable<Ranges>
    {
        private readonly UInt128[] _firsts;
        private readonly UInt128[] _lasts;

        public Ranges(IEnumerable<AddressRange> ranges)
        {
            var firsts = new List<UInt128>();
            var lasts = new List<UInt128>();
            foreach (var range in ranges.OrderBy(static range => range.First))
            {
                // Also joined if one ends right before the other begins; nothing comes before zero.
                if (lasts.Count > 0 && lasts[^1] >= range.First - UInt128.Min(range.First, UInt128.One))
                {
                    lasts[^1] = UInt128.Max(lasts[^1], range.Last);
                }
                else
                {
                    firsts.Add(range.First);
                    lasts.Add(range.Last);
                }
            }

            (_firsts, _lasts) = ([.. firsts], [.. lasts]);
        }

        public bool Contain(UInt128 number)
        {
            var index = Array.BinarySearch(_firsts, number);
            // Not found is the complement of where the next one begins.
            index = index >= 0 ? index : ~index - 1;
            return index >= 0 && number <= _lasts[index];
        }

        public bool Equals(Ranges other) => _firsts.AsSpan().SequenceEqual(other._firsts) && _lasts.AsSpan().SequenceEqual(other._lasts);

        public override bool Equals(object? obj) => obj is Ranges other && Equals(other);

        public override int GetHashCode() => HashCode.Combine(_firsts.Length, _firsts.FirstOrDefault(), _lasts.LastOrDefault());
    }
}
