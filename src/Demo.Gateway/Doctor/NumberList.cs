using System.Globalization;

namespace Demo.Gateway.Doctor;

/// <summary>Whole numbers with spaces or tabs between, as files of /proc have them.</summary>
internal static class NumberList
{
    public static bool TryParse(string text, int count, out long[] numbers)
    {
        var words = text.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        numbers = new long[words.Length];
        for (var i = 0; i < words.Length; i++)
        {
            if (!long.TryParse(words[i], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out numbers[i]))
            {
                return false;
            }
        }

        return numbers.Length == count;
    }
}
