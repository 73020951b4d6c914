using Microsoft.Extensions.Options;

namespace Transport.Linux;

/// <summary>Refuses values that the cache of open files cannot work with, at start, naming option, value and what is accepted.</summary>
internal sealed class SendFileOptionsValidator : IValidateOptions<SendFileOptions>
{
    private const int MostFiles = 1_000_000;

    public ValidateOptionsResult Validate(string? name, SendFileOptions options)
    {
        var failures = new List<string>();
        Check(options.MaxOpenFiles is >= 0 and <= MostFiles, nameof(options.MaxOpenFiles), options.MaxOpenFiles, $"a number from 0 to {MostFiles}");
        Check(options.OpenFileIdleTimeout >= TimeSpan.FromSeconds(1) && options.OpenFileIdleTimeout <= TimeSpan.FromDays(1),
            nameof(options.OpenFileIdleTimeout), options.OpenFileIdleTimeout, "a duration from 00:00:01 to 1.00:00:00");
        Check(options.OpenFileValidity >= TimeSpan.Zero && options.OpenFileValidity <= TimeSpan.FromHours(1), nameof(options.OpenFileValidity),
            options.OpenFileValidity, "a duration from 00:00:00 to 01:00:00");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);

        void Check(bool isValid, string option, object value, string accepted)
        {
            if (!isValid)
            {
                failures.Add($"{nameof(SendFileOptions)}.{option} is {value}; accepted is {accepted}.");
            }
        }
    }
}
