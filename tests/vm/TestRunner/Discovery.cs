using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace TestRunner;

/// <summary>Collects the tests of an assembly.</summary>
internal sealed class Discovery : LongLivedMarshalByRefObject, IMessageSink, IDisposable
{
    private readonly ManualResetEventSlim _finished = new();

    /// <summary>The tests found, complete after <see cref="Wait"/>.</summary>
    public List<ITestCase> Cases { get; } = [];

    public bool OnMessage(IMessageSinkMessage message)
    {
        switch (message)
        {
            case ITestCaseDiscoveryMessage found:
                Cases.Add(found.TestCase);
                break;
            case IDiscoveryCompleteMessage:
                _finished.Set();
                break;
        }

        return true;
    }

    public void Wait() => _finished.Wait();

    public void Dispose() => _finished.Dispose();
}
