using System.Diagnostics;
using Testing;
using Xunit;

namespace EndToEnd.Tests.Network;

/// <summary>A theory on a <see cref="RoutedNetwork"/>; skipped, with the reason, where one can't be built, or mode Sockmap is refused.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RequiresRoutedNetworkTheoryAttribute : TheoryAttribute
{
    private static readonly Lazy<string?> s_obstacle = new(FindObstacle);

    public RequiresRoutedNetworkTheoryAttribute() => Skip = new RequiresBpfTheoryAttribute().Skip ?? s_obstacle.Value;

    private static string? FindObstacle()
    {
        if (new RequiresNetworkNamespacesTheoryAttribute().Skip is { } reason)
        {
            return reason;
        }

        if (Programs.MissingReason(["unshare", "nft", "tc", "ethtool"]) is { } missing)
        {
            return missing;
        }

        // Whether the kernel can lose and delay packets, in a namespace that ends with the command.
        using var trial = Process.Start(new ProcessStartInfo("unshare", ["--net", "sh", "-c",
            "nft 'table inet trial { chain forward { type filter hook forward priority 0; numgen random mod 2 < 1 meta priority set 1:20 ; }; }' && " +
            "tc qdisc add dev lo root handle 1: htb && tc qdisc replace dev lo root tbf rate 1gbit burst 64kb limit 64kb"])
        {
            RedirectStandardError = true,
        })!;
        var error = trial.StandardError.ReadToEnd();
        trial.WaitForExit();
        return trial.ExitCode == 0 ? null : $"packets can't be shaped here: {error.Trim()}";
    }
}
