using Yarp.Splice.Limits;

namespace Yarp.Splice.Relay.Managed;

/// <content>The rates of <c>Splice:BytesPerSecondToUpstream</c> and <c>Splice:BytesPerSecondToClient</c>: nothing is read that may not be sent now.</content>
internal sealed partial class ManagedSession
{
    private ByteBucket? _rateToUpstream;
    private ByteBucket? _rateToClient;

    private void BeginRates()
    {
        _rateToUpstream = CreateBucket(_route.Limits.BytesPerSecondToUpstream);
        _rateToClient = CreateBucket(_route.Limits.BytesPerSecondToClient);
    }

    private static ByteBucket? CreateBucket(long? bytesPerSecond) =>
        bytesPerSecond is { } rate ? new ByteBucket(rate, Environment.TickCount64) : null;

    /// <returns>Bytes that may be read now, one or more.</returns>
    /// <exception cref="OperationCanceledException">Nothing is to be read any more.</exception>
    private async ValueTask<long> AwaitAllowanceAsync(ByteBucket bucket)
    {
        long allowance;
        while ((allowance = bucket.Fill(Environment.TickCount64)) == 0)
        {
            await Task.Delay(bucket.Pause, _reading.Token);
        }

        return allowance;
    }
}
