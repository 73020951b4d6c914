using Microsoft.Extensions.Options;
using Transport.Linux.Interop;

namespace Transport.Linux;

/// <summary>Refuses option values that the transport cannot work with, at start, naming option, value and what is accepted.</summary>
internal sealed partial class LinuxTransportOptionsValidator : IValidateOptions<LinuxTransportOptions>
{
    private const int MaxThreads = 1024;
    private const int MinZeroCopySend = 4096;
    private const int MaxZeroCopySend = 1 << 30;

    private static readonly TimeSpan s_minSendTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_maxSendTimeout = TimeSpan.FromDays(1);

    public ValidateOptionsResult Validate(string? name, LinuxTransportOptions options)
    {
        var failures = new List<string>();
        Check(options.ThreadCount is null or (>= 1 and <= MaxThreads), nameof(options.ThreadCount), options.ThreadCount,
            $"a number from 1 to {MaxThreads}, or nothing for one event loop per available CPU");
        Check(options.Backlog >= 1, nameof(options.Backlog), options.Backlog, "a number of connections from 1 on");
        Check(options.MaxReadBufferSize is null or >= 0, nameof(options.MaxReadBufferSize), options.MaxReadBufferSize,
            "a number of bytes, or 0 for no limit");
        Check(options.MaxWriteBufferSize is null or >= 0, nameof(options.MaxWriteBufferSize), options.MaxWriteBufferSize,
            "a number of bytes, or 0 for no limit");
        Check(options.ZeroCopySendThreshold is null or (>= MinZeroCopySend and <= MaxZeroCopySend), nameof(options.ZeroCopySendThreshold),
            options.ZeroCopySendThreshold, $"a number of bytes from {MinZeroCopySend} to {MaxZeroCopySend}, or nothing for off");
        Check(options.SendTimeout == TimeSpan.Zero || IsWithin(options.SendTimeout, s_minSendTimeout, s_maxSendTimeout), nameof(options.SendTimeout),
            options.SendTimeout, $"a time from {s_minSendTimeout} to {s_maxSendTimeout}, or {TimeSpan.Zero} for no limit");
        Check(Enum.IsDefined(options.AcceptSteering), nameof(options.AcceptSteering), options.AcceptSteering, "None or Cpu");
        Check(Enum.IsDefined(options.ApplicationScheduling), nameof(options.ApplicationScheduling), options.ApplicationScheduling,
            "Adaptive or ThreadPool");
        Check(Enum.IsDefined(options.NumaMode), nameof(options.NumaMode), options.NumaMode, "Auto, Off or Bind");
        Check(!options.HugePages || options.NumaMode != NumaMode.Off, nameof(options.HugePages), options.HugePages,
            "true only with NumaMode Auto or Bind, because the buffers then come from node-local pools");
        ValidateCpuSet(options, OperatingSystem.IsLinux() ? SchedulerCalls.AllowedCpus() : [], Check);
        ValidateSocketOptions(options, Check);
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);

        void Check(bool isValid, string option, object? value, string accepted)
        {
            if (!isValid)
            {
                failures.Add($"{LinuxTransportOptions.SectionName}:{option} is {value}; accepted is {accepted}.");
            }
        }
    }
}
