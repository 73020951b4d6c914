namespace Demo.Gateway.Doctor;

/// <summary>What is expected of a sysctl.</summary>
/// <param name="Name">Its name, as sysctl(8) has it.</param>
/// <param name="Wanted">A value that is good.</param>
/// <param name="Judge">The verdict over the numbers that it holds.</param>
/// <param name="Why">Why it matters.</param>
internal sealed record SettingRule(string Name, string Wanted, Func<IReadOnlyList<long>, Verdict> Judge, string Why)
{
    /// <summary>The rule that a number should not be below one limit, and must not be below another.</summary>
    public static Func<IReadOnlyList<long>, Verdict> AtLeast(long good, long bearable, int index = 0) =>
        numbers => numbers[index] >= good ? Verdict.Ok : numbers[index] >= bearable ? Verdict.Note : Verdict.Attention;

    public Finding Examine(SystemFiles files)
    {
        var reading = files.ReadSysctl(Name);
        if (!reading.IsRead)
        {
            return Finding.Unread(Name, reading, Why);
        }

        var count = Wanted.Split(' ').Length;
        return NumberList.TryParse(reading.Text, count, out var numbers)
            ? Finding.Judge(Name, string.Join(' ', numbers), Judge(numbers), Why, $"sysctl -w {Name}={(count == 1 ? Wanted : $"\"{Wanted}\"")}")
            : Finding.Unread(Name, reading with { Obstacle = $"'{reading.Text}' is not what is expected there" }, Why);
    }
}
