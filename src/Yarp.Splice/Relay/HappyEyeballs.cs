using System.Net;

namespace Yarp.Splice.Relay;

/// <summary>In which order, and how long after one another, the addresses of a name are tried (RFC 8305).</summary>
internal static class HappyEyeballs
{
    /// <summary>How long an address has for itself before the next one is tried, too: the RFC's recommended Connection Attempt Delay.</summary>
    public static readonly TimeSpan AttemptDelay = TimeSpan.FromMilliseconds(250);

    /// <summary>The same addresses, families by turns, the family of the first one first (section 4).</summary>
    public static IPAddress[] Interleave(IPAddress[] addresses)
    {
        if (addresses.Length < 2)
        {
            return addresses;
        }

        var preferred = new Queue<IPAddress>(addresses.Where(address => address.AddressFamily == addresses[0].AddressFamily));
        var others = new Queue<IPAddress>(addresses.Where(address => address.AddressFamily != addresses[0].AddressFamily));
        var ordered = new List<IPAddress>(addresses.Length);
        while (ordered.Count < addresses.Length)
        {
            if (preferred.TryDequeue(out var address))
            {
                ordered.Add(address);
            }

            if (others.TryDequeue(out address))
            {
                ordered.Add(address);
            }
        }

        return [.. ordered];
    }
}
