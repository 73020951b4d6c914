namespace Fuzz;

/// <summary>Changes inputs, a little and at places that matter: bytes, lengths, order, ends.</summary>
internal static class Mutation
{
    private const int MostChanges = 6;
    private const int LargestPiece = 64;

    private static readonly byte[] s_telling = [0, 1, 2, 3, 4, 5, 10, 12, 13, 16, 20, 22, 32, 33, 46, 48, 58, 127, 128, 192, 254, 255];

    /// <param name="input">What is changed; left as it is.</param>
    /// <param name="random">Chooses the changes.</param>
    /// <param name="other">Another input, of which pieces are put in.</param>
    public static byte[] Apply(byte[] input, FuzzRandom random, byte[] other)
    {
        var bytes = new List<byte>(input);
        for (var i = random.Between(1, MostChanges); i > 0; i--)
        {
            Change(bytes, random, other);
        }

        return [.. bytes];
    }

    private static void Change(List<byte> bytes, FuzzRandom random, byte[] other)
    {
        // Half of the changes near the start, where most decisions fall.
        var at = bytes.Count == 0 ? 0 : random.Below(random.OneIn(2) ? Math.Min(bytes.Count, 64) : bytes.Count);
        var count = bytes.Count == 0 ? 0 : Math.Min(random.Between(1, LargestPiece), bytes.Count - at);
        switch (bytes.Count == 0 ? 4 : random.Below(9))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Below(8));
                break;
            case 1:
                bytes[at] = random.Byte();
                break;
            case 2:
                bytes[at] = random.Pick(s_telling);
                break;
            case 3:
                bytes.RemoveRange(at, count);
                break;
            case 4:
                var from = random.Below(other.Length + 1);
                bytes.InsertRange(at, other.AsSpan(from, Math.Min(random.Below(LargestPiece), other.Length - from)).ToArray());
                break;
            case 5:
                bytes.InsertRange(at, bytes.GetRange(at, count));
                break;
            case 6:
                // A length that is off by a little.
                bytes[at] = (byte)(bytes[at] + random.Between(-3, 3));
                break;
            case 7:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            default:
                (bytes[at], bytes[at + count - 1]) = (bytes[at + count - 1], bytes[at]);
                break;
        }
    }
}
