using Yarp.Splice.Relay.Sockmap;

namespace Yarp.Splice.Tests.Sockmap;

/// <summary>Which sessions Splice:PauseImmune takes for interactive, transfer by transfer.</summary>
public class ConversationTests
{
    private const long Largest = Conversation.LargestSmallTurn;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(100, 16 * 1024)]
    [InlineData(Largest, Largest)]
    public void IsInteractive_SmallQuestionsAndAnswers_AfterSixteenTurns(long question, long answer)
    {
        var conversation = new Conversation();
        for (var i = 0; i < 8; i++)
        {
            Assert.False(conversation.IsInteractive);
            conversation.Count(isToUpstream: true, question);
            Assert.False(conversation.IsInteractive);
            conversation.Count(isToUpstream: false, answer);
        }

        Assert.True(conversation.IsInteractive);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void IsInteractive_OneDirectionOnly_Never(bool isToUpstream)
    {
        var conversation = new Conversation();
        for (var i = 0; i < 1000; i++)
        {
            conversation.Count(isToUpstream, 1);
            Assert.False(conversation.IsInteractive);
        }
    }

    [Fact]
    public void IsInteractive_DownloadInSmallReadsWithAcknowledgements_Never()
    {
        var conversation = new Conversation();
        for (var i = 0; i < 1000; i++)
        {
            for (var bytes = 0; bytes < 32 * 1024; bytes += 1448)
            {
                conversation.Count(isToUpstream: false, 1448);
            }

            Assert.False(conversation.IsInteractive);
            conversation.Count(isToUpstream: true, 13);
            Assert.False(conversation.IsInteractive);
        }
    }

    [Fact]
    public void IsInteractive_LargeAnswerInBetween_StartsTheRowAgain()
    {
        var conversation = new Conversation();
        Converse(conversation, turns: 40);
        Assert.True(conversation.IsInteractive);
        conversation.Count(isToUpstream: true, 100);
        conversation.Count(isToUpstream: false, Largest + 1);
        Assert.False(conversation.IsInteractive);
        Converse(conversation, turns: 15);
        Assert.False(conversation.IsInteractive);
        Converse(conversation, turns: 2);
        Assert.True(conversation.IsInteractive);
    }

    private static void Converse(Conversation conversation, int turns)
    {
        for (var i = 0; i < turns; i++)
        {
            conversation.Count(isToUpstream: i % 2 == 0, 100);
        }
    }
}
