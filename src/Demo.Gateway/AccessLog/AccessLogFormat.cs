namespace Demo.Gateway.AccessLog;

/// <summary>How a line of the access log is written.</summary>
internal enum AccessLogFormat
{
    /// <summary>Three fixed fields, then <c>key=value</c>.</summary>
    Text,

    /// <summary>One JSON object.</summary>
    Json,
}
