using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Yarp.Splice.Sources;

namespace Yarp.Splice.Tests.Sources;

public class AddressSetTests
{
    [Theory]
    [InlineData("10.0.0.0/8", "10.0.0.0", true)]
    [InlineData("10.0.0.0/8", "10.255.255.255", true)]
    [InlineData("10.0.0.0/8", "11.0.0.0", false)]
    [InlineData("10.0.0.0/8", "9.255.255.255", false)]
    [InlineData("10.0.0.0/8", "::ffff:10.1.2.3", true)]
    [InlineData("10.0.0.0/8", "::10.1.2.3", false)]
    [InlineData("192.0.2.7", "192.0.2.7", true)]
    [InlineData("192.0.2.7/32", "192.0.2.8", false)]
    [InlineData("0.0.0.0/0", "255.255.255.255", true)]
    [InlineData("0.0.0.0/0", "::1", false)]
    [InlineData("::/0", "2001:db8::1", true)]
    [InlineData("::/0", "10.0.0.1", false)]
    [InlineData("::/0", "::ffff:10.0.0.1", false)]
    [InlineData("::ffff:10.0.0.0/104", "10.9.9.9", true)]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1", true)]
    [InlineData("2001:db8::/33", "2001:db8:7fff:ffff::1", true)]
    [InlineData("2001:db8::/33", "2001:db8:8000::", false)]
    [InlineData("fe80::/10", "fe80::1%3", true)]
    [InlineData("::1", "::1", true)]
    public void Contains_an_address_exactly_if_a_network_does(string entry, string address, bool isIn) =>
        Assert.Equal(isIn, Set(entry).Contains(IPAddress.Parse(address)));

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("10.1")]
    [InlineData("010.0.0.1")]
    [InlineData("0x0a.0.0.1")]
    [InlineData("10.0.0.256")]
    [InlineData("10.0.0.0/")]
    [InlineData("10.0.0.0/33", "a prefix length from 0 to 32 behind 10.0.0.0")]
    [InlineData("10.0.0.0/-1", "a prefix length from 0 to 32 behind 10.0.0.0")]
    [InlineData("10.0.0.0/255.0.0.0", "a prefix length from 0 to 32 behind 10.0.0.0")]
    [InlineData("::/129", "a prefix length from 0 to 128 behind ::")]
    [InlineData("::ffff:10.0.0.0/8", "a prefix length from 96 to 128 behind ::ffff:10.0.0.0")]
    [InlineData("10.0.0.7/8", "10.0.0.0/8 for the network or 10.0.0.7 for the address")]
    [InlineData("2001:db8::1/32", "2001:db8::/32 for the network or 2001:db8::1 for the address")]
    [InlineData("::ffff:10.0.0.7/104", "10.0.0.0/8 for the network or ::ffff:10.0.0.7 for the address")]
    [InlineData("0.0.0.1/0", "0.0.0.0/0 for the network or 0.0.0.1 for the address")]
    [InlineData("::1/0", "::/0 for the network or ::1 for the address")]
    [InlineData("fe80::1%3")]
    [InlineData("[::1]")]
    [InlineData("[::1]:80")]
    [InlineData("localhost")]
    [InlineData("*")]
    public void TryParse_refuses_what_is_no_address_and_no_network(string entry, string? accepted = null)
    {
        if (accepted is null && entry.Contains('/', StringComparison.Ordinal))
        {
            accepted = "a prefix length from 0 to 32 behind 10.0.0.0";
        }

        Assert.False(AddressRange.TryParse(entry, out _, out var said));
        Assert.Equal(accepted, said);
    }

    [Fact]
    public void Contains_says_the_same_as_a_look_at_every_entry() => Check(
        from entries in Gen.ListOf(Network())
        from addresses in Gen.NonEmptyListOf(Number())
        select (entries, addresses),
        static input =>
        {
            var set = new AddressSet(input.entries.Select(static entry => Range(entry.ToString())));
            return input.addresses.All(address => set.Contains(address) == input.entries.Any(entry => entry.Contains(address)));
        });

    [Fact]
    public void Sets_are_equal_if_they_hold_the_same_addresses_in_whatever_entries()
    {
        Assert.Equal(Set("10.0.0.0/9", "10.128.0.0/9", "::1"), Set("::1", "10.0.0.0/8", "10.1.0.0/16"));
        Assert.Equal(Set("10.0.0.0/9", "::1").GetHashCode(), Set("::1", "10.0.0.0/9").GetHashCode());
        Assert.NotEqual(Set("10.0.0.0/8"), Set("10.0.0.0/9"));
        Assert.NotEqual(Set("0.0.0.0/0"), Set("::/0"));
    }

    [Fact]
    public void Endpoints_without_an_address_are_in_no_set()
    {
        Assert.False(Set("0.0.0.0/0", "::/0").Contains(new System.Net.Sockets.UnixDomainSocketEndPoint("/tmp/x")));
        Assert.False(Set("0.0.0.0/0", "::/0").Contains((EndPoint?)null));
        Assert.True(new SourceRules(null, Set("0.0.0.0/0", "::/0")).Admit(null));
        Assert.False(new SourceRules(Set("0.0.0.0/0", "::/0"), null).Admit(null));
    }

    [Theory]
    [InlineData("10.1.0.1", false)]
    [InlineData("10.2.0.1", true)]
    [InlineData("192.0.2.1", false)]
    public void Denied_wins_over_allowed(string client, bool isAdmitted) =>
        Assert.Equal(isAdmitted, new SourceRules(Set("10.0.0.0/8"), Set("10.1.0.0/16")).Admit(new IPEndPoint(IPAddress.Parse(client), 1)));

    private static AddressSet Set(params string[] entries) => new(entries.Select(Range));

    private static AddressRange Range(string entry)
    {
        Assert.True(AddressRange.TryParse(entry, out var range, out var accepted), $"{entry}: {accepted}");
        return range;
    }

    private static void Check<T>(Gen<T> inputs, Func<T, bool> holds) =>
        FsCheck.Check.One(Config.QuickThrowOnFailure.WithMaxTest(500), Prop.ForAll(Arb.From(inputs), holds));

    /// <summary>Few different bits, so that networks touch and overlap.</summary>
    private static Gen<IPAddress> Number() =>
        from isIpv4 in Gen.Elements(true, false)
        from high in Gen.Elements<byte>(0, 10, 128, 255)
        from low in Gen.Choose(0, 255)
        select new IPAddress((byte[])[high, .. new byte[isIpv4 ? 2 : 14], (byte)low]);

    private static Gen<IPNetwork> Network() =>
        from address in Number()
        from length in Gen.Choose(0, address.GetAddressBytes().Length * 8)
        select new IPNetwork(Masked(address, length), length);

    private static IPAddress Masked(IPAddress address, int length)
    {
        var bytes = address.GetAddressBytes();
        for (var bit = length; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        return new IPAddress(bytes);
    }
}
