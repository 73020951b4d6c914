using EndToEnd.Tests.Fixtures;
using RelayCases;
using Xunit;

namespace EndToEnd.Tests.Tcp;

/// <summary>The black-box cases, which bench/run.sh cases also plays against other relays, in every mode, with and without a ClientHello that was read first.</summary>
public sealed class RelayCaseTests(RelayCaseGateways gateways) : IClassFixture<RelayCaseGateways>
{
    public static TheoryData<string, bool, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, bool, string>();
            foreach (var mode in new[] { "Copy", "Splice", "Sockmap", "Auto" })
            {
                foreach (var relayCase in AllCases.List)
                {
                    cases.Add(mode, false, relayCase.ToString());
                    if (relayCase.AlsoAfterPreread)
                    {
                        cases.Add(mode, true, relayCase.ToString());
                    }
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task The_relay_does_what_is_expected(string mode, bool prereads, string relayCase)
    {
        var topology = await gateways.GetAsync(mode);
        Assert.NotEmpty(await topology.RunAsync(AllCases.List.Single(candidate => candidate.ToString() == relayCase), prereads));
    }
}
