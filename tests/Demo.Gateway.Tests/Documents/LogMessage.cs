using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Logging;
using Transport.Linux;
using Yarp.Splice;

namespace Demo.Gateway.Tests.Documents;

/// <summary>A message that the product can log.</summary>
internal sealed record LogMessage(string Category, int Id, LogLevel Level, string Name, string Text)
{
    /// <summary>All of them, from the attributes that they are generated from.</summary>
    public static IReadOnlyList<LogMessage> All { get; } =
    [
        .. new[] { typeof(LinuxTransportOptions), typeof(SpliceOptions), typeof(Program) }
            .SelectMany(static type => type.Assembly.GetTypes())
            .SelectMany(static type => type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .SelectMany(static method => method.GetCustomAttributes<LoggerMessageAttribute>()
                .Select(attribute => new LogMessage(
                    method.DeclaringType!.Assembly.GetName().Name!, attribute.EventId, attribute.Level, attribute.EventName!, attribute.Message))),
    ];

    /// <summary>As a row of a page begins.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"| {Id} | {Level} | `{Text}` |");
}
