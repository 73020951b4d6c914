using System.Text.RegularExpressions;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Configuration;

/// <summary>YARP says which value it could not read but not where it stands; this finds the key.</summary>
internal static partial class ValueMistake
{
    public static ConfigurationMistakeException? Find(Exception exception, IConfigurationSection proxy)
    {
        for (var current = exception; current is not null; current = current.InnerException)
        {
            if (current is (FormatException or OverflowException or ArgumentException) and not ArgumentNullException
                && Quoted().Match(current.Message) is { Success: true } match
                && proxy.AsEnumerable().FirstOrDefault(pair => pair.Value == match.Groups[1].Value) is { Key: not null } found)
            {
                var described = AcceptedForm.Describe(found.Key, current.Message);
                return new ConfigurationMistakeException(
                    described == current.Message ? $"{found.Key} is '{found.Value}': {current.Message}" : described, exception);
            }
        }

        return null;
    }

    [GeneratedRegex("'([^']*)'")]
    private static partial Regex Quoted();
}
