namespace Demo.Gateway.Errors;

/// <summary>The machine refused what the configuration asks for. The message names the thing and what to do instead.</summary>
internal sealed class MachineRefusalException(string message, Exception? innerException = null) : Exception(message, innerException);
