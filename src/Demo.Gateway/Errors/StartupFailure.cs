using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Transport.Linux;
using Yarp.Splice;

namespace Demo.Gateway.Errors;

/// <summary>Turns what stopped the start into one line for each mistake and an exit code. Nobody should need a stack trace to mend a file.</summary>
internal sealed partial record StartupFailure(int ExitCode, IReadOnlyList<string> Lines)
{
    private const string InUse = "the address is in use";

    private const string OtherAddress = "choose another with --urls, Kestrel:Endpoints, or the port in the TCP route's Match.Hosts";

    public static StartupFailure From(Exception exception)
    {
        var lines = new List<string>();
        var exitCode = ExitCodes.Configuration;
        foreach (var cause in Causes(exception))
        {
            var (code, line) = Describe(cause);
            // A machine's refusal may go away by itself, a wrong configuration won't: the latter decides how to restart.
            exitCode = lines.Count == 0 ? code : Math.Max(exitCode, code);
            if (!lines.Contains(line))
            {
                lines.Add(line);
            }
        }

        return new StartupFailure(exitCode, lines);
    }

    /// <summary>One line for each mistake behind <paramref name="exception"/>, for the log of a running gateway.</summary>
    public static IReadOnlyList<string> Describe(IEnumerable<Exception> exceptions) =>
        [.. exceptions.SelectMany(Causes).Select(cause => Describe(cause).Line).Distinct()];

    /// <summary>The address that another program listens on, or <see langword="null"/> if that is not what went wrong.</summary>
    public static string? FindAddressInUse(Exception exception) =>
        Find<AddressInUseException>(exception) is { } inUse ? AddressIn(exception, inUse)
        : Find<SplicePortException>(exception) is { } ports && ports.Message.Contains(InUse, StringComparison.Ordinal)
            ? AddressIn(exception, ports)
            : null;

    private static IEnumerable<Exception> Causes(Exception exception) => exception switch
    {
        ConfigurationMistakeException { Mistakes.Count: > 1 } several => several.Mistakes.Select(static mistake => new ConfigurationMistakeException(mistake)),
        MachineRefusalException or ConfigurationMistakeException => [exception],
        AggregateException aggregate => aggregate.InnerExceptions.SelectMany(Causes),
        OptionsValidationException options => options.Failures.Select(failure => new ConfigurationMistakeException(failure)),
        // YARP and the host wrap the interesting ones in a sentence that says only that starting failed.
        InvalidOperationException { InnerException: AggregateException or InvalidOperationException or OptionsValidationException } wrapper
            => Causes(wrapper.InnerException!),
        _ when Find<SpliceConfigurationException>(exception) is { } splice
            => splice.Mistakes.Select(static mistake => new ConfigurationMistakeException(mistake)),
        _ when Find<SplicePortException>(exception) is { } ports => ports.Refusals.Select(static refusal => new MachineRefusalException(refusal)),
        _ => [exception],
    };

    private static (int ExitCode, string Line) Describe(Exception exception)
    {
        switch (exception)
        {
            case ConfigurationMistakeException:
                return (ExitCodes.Configuration, SingleLine.Of(exception.Message));
            case MachineRefusalException:
                return (ExitCodes.Failure, SingleLine.Of(exception.Message));
            case InvalidDataException when QuotedPath().Match(exception.Message) is { Success: true } file:
                return (ExitCodes.Configuration, JsonMistake.Describe(file.Groups[1].Value, exception));
            case InvalidOperationException when UnknownKeys().Match(exception.Message) is { Success: true } unknown:
                return (ExitCodes.Configuration, DescribeUnknownKeys(unknown));
            case InvalidOperationException when Unconvertible().Match(exception.Message) is { Success: true } value:
                return (ExitCodes.Configuration, DescribeUnconvertible(value));
        }

        if (Find<AddressInUseException>(exception) is { } inUse)
        {
            return (ExitCodes.Failure, $"{AddressIn(exception, inUse)}: the address is in use by another program; {OtherAddress}.");
        }

        if (Find<SocketException>(exception) is { } socket)
        {
            if (socket.Message.StartsWith(LinuxTransportOptions.SectionName + ':', StringComparison.Ordinal))
            {
                // A socket option that the kernel refuses; the message names option, value and error.
                return (ExitCodes.Configuration, SingleLine.Of(socket.Message));
            }

            return (ExitCodes.Failure, DescribeSocketError(exception, socket));
        }

        return exception switch
        {
            FileNotFoundException or DirectoryNotFoundException or InvalidDataException or FormatException or ArgumentException
                or InvalidOperationException or NotSupportedException or CryptographicException
                => (ExitCodes.Configuration, SingleLine.Of(WithCause(exception))),
            UnauthorizedAccessException or IOException => (ExitCodes.Failure, SingleLine.Of(WithCause(exception))),
            _ => (ExitCodes.Failure, SingleLine.Of($"unexpected {exception.GetType().Name}: {WithCause(exception)}")),
        };
    }

    private static string DescribeSocketError(Exception exception, SocketException socket)
    {
        var address = AddressIn(exception, socket);
        return socket.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse => $"{address}: the address is in use by another program; {OtherAddress}.",
            SocketError.AccessDenied =>
                $"{address}: no permission to listen there; accepted is a port from 1024 on, or running with CAP_NET_BIND_SERVICE.",
            SocketError.AddressNotAvailable => $"{address}: this machine has no such address; accepted is one of its own, or 0.0.0.0 for all.",
            _ => SingleLine.Of($"{address}: {socket.Message}"),
        };
    }

    private static string DescribeUnknownKeys(Match match)
    {
        var keys = match.Groups["keys"].Value;
        if (match.Groups["type"].Value == typeof(LinuxTransportOptions).FullName)
        {
            var accepted = typeof(LinuxTransportOptions).GetProperties().Select(property => property.Name);
            return $"{LinuxTransportOptions.SectionName}: unknown key {keys}; accepted are {string.Join(", ", accepted)}.";
        }

        return $"{match.Groups["type"].Value}: unknown key {keys}.";
    }

    private static string DescribeUnconvertible(Match match)
    {
        var accepted = match.Groups["type"].Value switch
        {
            var type when type.Contains("Int32", StringComparison.Ordinal) || type.Contains("Int64", StringComparison.Ordinal) => "a whole number",
            var type when type.Contains("Boolean", StringComparison.Ordinal) => "true or false",
            var type when type.Contains("TimeSpan", StringComparison.Ordinal) => "a duration such as 00:00:30",
            var type => $"a {type}",
        };
        var value = match.Groups["value"].Success ? $"is '{match.Groups["value"].Value}'" : "has an unreadable value";
        return $"{match.Groups["key"].Value} {value}; accepted is {accepted}.";
    }

    // Kestrel says the URL, the transport the address, the runtime nothing at all: take the first that is there.
    private static string AddressIn(Exception exception, Exception cause)
    {
        foreach (var message in new[] { exception.Message, cause.Message })
        {
            if (Address().Match(message) is { Success: true } match)
            {
                return match.Value;
            }
        }

        return SingleLine.Of(exception.Message);
    }

    private static string WithCause(Exception exception) =>
        exception.InnerException is { } inner && !exception.Message.Contains(inner.Message, StringComparison.Ordinal)
            ? $"{exception.Message.TrimEnd('.')}: {inner.Message}"
            : exception.Message;

    private static T? Find<T>(Exception exception)
        where T : Exception
    {
        for (var current = exception; current is not null; current = current.InnerException)
        {
            if (current is T found)
            {
                return found;
            }
        }

        return null;
    }

    [GeneratedRegex(@"'([^']+\.json)'")]
    private static partial Regex QuotedPath();

    [GeneratedRegex(@"properties were not found on the instance of (?<type>[^:]+): (?<keys>.+)$")]
    private static partial Regex UnknownKeys();

    [GeneratedRegex(@"Failed to convert configuration value( '(?<value>[^']*)')? at '(?<key>[^']+)' to type '(?<type>[^']+)'")]
    private static partial Regex Unconvertible();

    [GeneratedRegex(@"(https?://\S+?:\d+|\[[0-9a-fA-F:.]+\]:\d+|\b\d{1,3}(\.\d{1,3}){3}:\d+|unix:\S+)")]
    private static partial Regex Address();
}
