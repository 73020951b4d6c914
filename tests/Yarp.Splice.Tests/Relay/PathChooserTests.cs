using Yarp.Splice.Relay.Paths;

namespace Yarp.Splice.Tests.Relay;

/// <summary>When a direction moves between Copy and Splice, transfer by transfer.</summary>
public class PathChooserTests
{
    private const int Full = 64 * 1024;
    private const int Small = 1000;

    [Theory]
    [InlineData(SpliceMode.Splice, 1)]
    [InlineData(SpliceMode.Sockmap, 1)]
    [InlineData(SpliceMode.Auto, 3)]
    public void WantsSplice_FullReadsInARow_AfterTheModesNumber(SpliceMode mode, int reads)
    {
        var chooser = new PathChooser(PathPolicy.Of(mode));
        for (var i = 1; i < reads; i++)
        {
            Assert.False(chooser.WantsSplice(Full));
        }

        Assert.True(chooser.WantsSplice(Full));
    }

    [Fact]
    public void WantsSplice_ShortReadInBetween_StartsTheRowAgain()
    {
        var chooser = new PathChooser(PathPolicy.Auto);
        Assert.False(chooser.WantsSplice(Full));
        Assert.False(chooser.WantsSplice(Full));
        Assert.False(chooser.WantsSplice(Full - 1));
        Assert.False(chooser.WantsSplice(Full));
        Assert.False(chooser.WantsSplice(Full));
        Assert.True(chooser.WantsSplice(Full));
    }

    [Fact]
    public void WantsSplice_EmptyReadInBetween_KeepsTheRow()
    {
        var chooser = new PathChooser(PathPolicy.Auto);
        Assert.False(chooser.WantsSplice(Full));
        Assert.False(chooser.WantsSplice(0));
        Assert.False(chooser.WantsSplice(Full));
        Assert.True(chooser.WantsSplice(Full));
    }

    [Fact]
    public void WantsSplice_ModeCopy_Never()
    {
        var chooser = new PathChooser(PathPolicy.Copy);
        Assert.DoesNotContain(Enumerable.Range(0, 10_000), _ => chooser.WantsSplice(Full));
    }

    [Fact]
    public void WantsCopy_EightSmallSplicesInARow_NotEarlier()
    {
        var chooser = new PathChooser(PathPolicy.Auto);
        chooser.OnSplice();
        for (var i = 0; i < 7; i++)
        {
            Assert.False(chooser.WantsCopy(Small));
        }

        Assert.False(chooser.WantsCopy(16 * 1024));
        for (var i = 0; i < 7; i++)
        {
            Assert.False(chooser.WantsCopy(Small));
        }

        Assert.True(chooser.WantsCopy(Small));
    }

    [Fact]
    public void WantsCopy_PipeNotEmptyYet_IsSaidAgain()
    {
        // The direction may not move while its pipe holds bytes; it asks again with the next transfer.
        var chooser = new PathChooser(PathPolicy.Auto);
        chooser.OnSplice();
        for (var i = 0; i < 8; i++)
        {
            _ = chooser.WantsCopy(Small);
        }

        Assert.True(chooser.WantsCopy(0));
    }

    [Fact]
    public void Auto_PatternAcrossTheThresholds_DoesNotOscillate()
    {
        // Bursts of three full reads and then ten small messages, a thousand times over.
        var moves = MovesOf(PathPolicy.Auto, bursts: 1000);
        Assert.InRange(moves, 2, 14);
        Assert.InRange(MovesOf(PathPolicy.Splice, bursts: 1000), 2000, 2000);
    }

    [Fact]
    public void Auto_LongBulkAfterReturns_IsForgiven()
    {
        var chooser = new PathChooser(PathPolicy.Auto);
        for (var returns = 0; returns < 10; returns++)
        {
            chooser.OnSplice();
            chooser.OnCopy();
        }

        Assert.Equal(192, ReadsUntilSplice(ref chooser));
        chooser.OnSplice();
        for (var i = 0; i < 512; i++)
        {
            Assert.False(chooser.WantsCopy(Full));
        }

        chooser.OnCopy();
        Assert.Equal(6, ReadsUntilSplice(ref chooser));
    }

    [Fact]
    public void OnNoPipe_AsksAgainAfterAWhile()
    {
        var chooser = new PathChooser(PathPolicy.Splice);
        Assert.True(chooser.WantsSplice(Full));
        chooser.OnNoPipe();
        Assert.Equal(64, ReadsUntilSplice(ref chooser));
    }

    private static int MovesOf(PathPolicy policy, int bursts)
    {
        var chooser = new PathChooser(policy);
        var (moves, isSplicing) = (0, false);
        for (var burst = 0; burst < bursts; burst++)
        {
            for (var i = 0; i < 13; i++)
            {
                var bytes = i < 3 ? Full : Small;
                if (!isSplicing && chooser.WantsSplice(bytes))
                {
                    chooser.OnSplice();
                    (moves, isSplicing) = (moves + 1, true);
                }
                else if (isSplicing && chooser.WantsCopy(bytes))
                {
                    chooser.OnCopy();
                    (moves, isSplicing) = (moves + 1, false);
                }
            }
        }

        return moves;
    }

    private static int ReadsUntilSplice(ref PathChooser chooser)
    {
        var reads = 1;
        while (!chooser.WantsSplice(Full))
        {
            Assert.True(++reads < 10_000);
        }

        return reads;
    }
}
