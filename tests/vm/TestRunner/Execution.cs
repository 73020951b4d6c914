using System.Globalization;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace TestRunner;

/// <summary>Counts what tests end with, and prints what a reader wants to know: failures with their reason, and what was skipped and why.</summary>
/// <param name="output">Where it is printed.</param>
/// <param name="isEachNamed">Whether tests that pass are printed too, with their time.</param>
internal sealed class Execution(TextWriter output, bool isEachNamed) : LongLivedMarshalByRefObject, IMessageSink, IDisposable
{
    private readonly ManualResetEventSlim _finished = new();
    private int _passed;
    private int _failed;
    private int _skipped;

    public int Failed => _failed;

    public bool OnMessage(IMessageSinkMessage message)
    {
        lock (output)
        {
            switch (message)
            {
                case ITestPassed test:
                    _passed++;
                    if (isEachNamed)
                    {
                        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"passed  {test.ExecutionTime,8:F2} s  {test.Test.DisplayName}"));
                    }

                    break;
                case ITestSkipped test:
                    _skipped++;
                    output.WriteLine($"SKIPPED {test.Test.DisplayName}: {test.Reason}");
                    break;
                case ITestFailed test:
                    Fail(string.Create(CultureInfo.InvariantCulture, $"{test.Test.DisplayName} ({test.ExecutionTime:F2} s)"), test);
                    break;
                // What fails outside a test: a fixture, or disposing it.
                case IErrorMessage or ITestAssemblyCleanupFailure or ITestCollectionCleanupFailure or ITestClassCleanupFailure or ITestMethodCleanupFailure:
                    Fail(message.GetType().Name, (IFailureInformation)message);
                    break;
                case ITestAssemblyFinished:
                    _finished.Set();
                    break;
            }

            return true;
        }
    }

    public void Wait() => _finished.Wait();

    /// <summary>The line that a caller reads.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{_passed} passed, {_failed} failed, {_skipped} skipped");

    public void Dispose() => _finished.Dispose();

    private void Fail(string name, IFailureInformation failure)
    {
        _failed++;
        output.WriteLine($"FAILED  {name}");
        output.WriteLine(ExceptionUtility.CombineMessages(failure));
        output.WriteLine(ExceptionUtility.CombineStackTraces(failure));
    }
}
