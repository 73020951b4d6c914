namespace Demo.Gateway.Doctor;

/// <summary>One thing that was looked at.</summary>
/// <param name="Name">Stays the same between versions; a sysctl has its own name.</param>
/// <param name="Value">What it is, or why it could not be read.</param>
/// <param name="Verdict">What that means.</param>
/// <param name="Why">Why it matters to a gateway.</param>
/// <param name="Change">The command that changes it; <see langword="null"/> where nothing is to be changed, or no command can.</param>
/// <param name="IsRead">False if it could not be read.</param>
internal sealed record Finding(string Name, string Value, Verdict Verdict, string Why, string? Change = null, bool IsRead = true)
{
    public static Finding Ok(string name, string value, string why) => new(name, value, Verdict.Ok, why);

    /// <summary>What could not be read is said, and is no fault by itself: containers hide much.</summary>
    public static Finding Unread(string name, Reading reading, string why) =>
        new(name, $"not readable: {reading.Path}: {reading.Obstacle}", Verdict.Note, why, IsRead: false);

    /// <summary>A verdict, with the command only where there is something to change.</summary>
    public static Finding Judge(string name, string value, Verdict verdict, string why, string? change) =>
        new(name, value, verdict, why, verdict == Verdict.Ok ? null : change);
}
