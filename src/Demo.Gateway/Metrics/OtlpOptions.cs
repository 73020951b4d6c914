using Demo.Gateway.Configuration;

namespace Demo.Gateway.Metrics;

/// <summary>The section <c>Telemetry:Otlp</c>. Everything else is set by the standard variables <c>OTEL_EXPORTER_OTLP_…</c>.</summary>
/// <param name="Endpoint">The collector; <see langword="null"/> to leave it to the variables.</param>
internal sealed record OtlpOptions(Uri? Endpoint)
{
    public const string SectionName = "Telemetry:Otlp";

    private static readonly string[] s_variables = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"];

    /// <returns><see langword="null"/> where nothing is to be exported.</returns>
    public static OtlpOptions? Read(IConfiguration configuration, List<string> mistakes)
    {
        SectionKeys.Check(configuration.GetSection("Telemetry"), mistakes, "Otlp");
        var section = configuration.GetSection(SectionName);
        SectionKeys.Check(section, mistakes, nameof(Endpoint));
        if (section[nameof(Endpoint)] is not { } text)
        {
            return s_variables.Any(static name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name))) ? new OtlpOptions((Uri?)null) : null;
        }

        if (Uri.TryCreate(text, UriKind.Absolute, out var endpoint) && endpoint.Scheme is "http" or "https")
        {
            return new OtlpOptions(endpoint);
        }

        mistakes.Add($"{section.Path}:{nameof(Endpoint)} is '{text}'; accepted is a URL such as http://127.0.0.1:4317.");
        return null;
    }
}
