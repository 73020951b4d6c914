using Yarp.Splice.Limits;
using Yarp.Splice.Routing;

namespace Yarp.Splice.Relay.Managed;

/// <summary>One wait of a managed session for a place.</summary>
internal sealed class ManagedWait : IWaitingClient
{
    private readonly TaskCompletionSource<SelectedDestination?> _place = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly IReadOnlyCollection<string> _tried;

    /// <param name="tried">Destinations that would not help.</param>
    public ManagedWait(IReadOnlyCollection<string> tried)
    {
        _tried = tried;
        Ticket = new LinkedListNode<IWaitingClient>(this);
    }

    public LinkedListNode<IWaitingClient> Ticket { get; }

    /// <summary>The place, once it is there, which it is at the latest when the line says that the client is not in it any more.</summary>
    public Task<SelectedDestination?> Place => _place.Task;

    public bool CanUse(SelectedDestination destination) => !_tried.Contains(destination.DestinationId);

    public void OnPlace(SelectedDestination? destination) => _place.SetResult(destination);

    /// <summary>Whether the place has come before the time is over and the token fires.</summary>
    public async Task<bool> TryWaitAsync(TimeSpan time, CancellationToken cancellationToken)
    {
        try
        {
            await Place.WaitAsync(time, cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            return false;
        }
    }
}
