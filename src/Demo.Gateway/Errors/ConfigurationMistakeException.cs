namespace Demo.Gateway.Errors;

/// <summary>A command line or a configuration that cannot be used. The message names the thing, the value and what would be accepted.</summary>
internal sealed class ConfigurationMistakeException(string message, Exception? innerException = null) : Exception(message, innerException);
