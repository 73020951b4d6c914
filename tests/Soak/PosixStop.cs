using System.Runtime.InteropServices;

namespace Soak;

/// <summary>Ends a run early, with its report, on SIGINT and SIGTERM.</summary>
internal sealed class PosixStop : IDisposable
{
    private readonly PosixSignalRegistration[] _registrations;

    private PosixStop(PosixSignalRegistration[] registrations) => _registrations = registrations;

    public static PosixStop On(CancellationTokenSource run)
    {
        return new PosixStop([.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, End))]);

        void End(PosixSignalContext context)
        {
            context.Cancel = true;
            run.Cancel();
        }
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }
    }
}
