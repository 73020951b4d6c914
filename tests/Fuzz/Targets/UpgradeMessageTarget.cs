using Demo.Gateway.Upgrade;
using Microsoft.Win32.SafeHandles;

namespace Fuzz.Targets;

/// <summary>Messages at the upgrade socket, with descriptors and without.</summary>
internal sealed class UpgradeMessageTarget : FuzzTarget
{
    private static readonly string[] s_kinds =
        [UpgradeMessage.Hello, UpgradeMessage.Listener, UpgradeMessage.End, UpgradeMessage.Refused, UpgradeMessage.Ready, UpgradeMessage.Released, "other", ""];

    private static readonly string[] s_texts = ["127.0.0.1:80", "[::]:443", "/run/x.sock", "", "\\ud800", "\\u0000", "bücher", "null"];

    public override string Name => "upgrade";

    public override int Cost => 2;

    public override FuzzCase Generate(FuzzRandom random)
    {
        var built = Build(random);
        return random.OneIn(3) ? new FuzzCase(built, built) : new FuzzCase(Mutation.Apply(built, random, Build(random)), null);
    }

    public override string? Check(FuzzCase input, FuzzRandom random)
    {
        var message = UpgradeMessage.Parse(input.Input);
        if (message is not null && UpgradeMessage.Parse(message.ToBytes()) is not { } again)
        {
            return "what was read is not read again when it is written";
        }

        if (input.Meaning is not null && !input.Input.AsSpan().SequenceEqual(message?.ToBytes()))
        {
            return "what was written is read as something else";
        }

        return input.Input.Length > 0 && random.OneIn(16) ? CheckChannel(input.Input, message, random.OneIn(8) ? 253 : random.Below(4)) : null;
    }

    /// <summary>Through a socket: all descriptors come out, whatever the message is.</summary>
    private static string? CheckChannel(byte[] bytes, UpgradeMessage? expected, int count)
    {
        using var pair = SeqpacketPair.Open();
        var sent = Enumerable.Repeat((int)pair.First.Handle, count).ToArray();
        if (!Transport.Linux.Interop.DescriptorMessages.TrySend((int)pair.First.Handle, bytes, sent))
        {
            return "the message was not taken";
        }

        using var channel = new UpgradeChannel(pair.Second);
        var received = new List<SafeFileHandle>();
        string? read;
        try
        {
            read = channel.Receive(received)?.Kind;
        }
        catch (IOException)
        {
            read = null;
        }
        finally
        {
            received.ForEach(static descriptor => descriptor.Dispose());
        }

        return received.Count != count ? $"{received.Count} descriptors came of {count}" : read != expected?.Kind ? $"'{read}' came of '{expected?.Kind}'" : null;
    }

    private static byte[] Build(FuzzRandom random) => new UpgradeMessage
    {
        Kind = random.Pick(s_kinds),
        Protocol = random.OneIn(2) ? random.Below(3) : null,
        Address = Text(random),
        Admin = Text(random),
        Reason = Text(random),
        Taken = random.OneIn(2) ? [.. Enumerable.Range(0, random.Below(5)).Select(_ => random.Pick(s_texts))] : null,
    }.ToBytes();

    private static string? Text(FuzzRandom random) => random.OneIn(2) ? random.Pick(s_texts) : null;
}
