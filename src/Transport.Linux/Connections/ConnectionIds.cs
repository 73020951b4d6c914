namespace Transport.Linux.Connections;

/// <summary>Connection ids as Kestrel's own: thirteen base-32 digits of a counter that starts with the process's start time.</summary>
internal static class ConnectionIds
{
    private const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUV";

    public static string ToText(long id) => string.Create(13, id, static (text, value) =>
    {
        for (var i = text.Length - 1; i >= 0; i--)
        {
            text[i] = Digits[(int)(value & 31)];
            value >>= 5;
        }
    });
}
