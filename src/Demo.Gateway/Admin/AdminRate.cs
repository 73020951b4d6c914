namespace Demo.Gateway.Admin;

/// <summary>Bounds what the admin endpoint does at once and in a second, so that a flood of it does not take the CPU from the data path.</summary>
internal sealed class AdminRate : IDisposable
{
    private const int MaxAtOnce = 4;
    private const int MaxInSecond = 100;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _turns = new(MaxAtOnce, MaxAtOnce);
    private readonly Lock _lock = new();
    private long _second;
    private int _count;

    /// <summary>Waits for a turn, which <see cref="Leave"/> gives back; false if there are too many.</summary>
    public async Task<bool> TryEnterAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            var second = Environment.TickCount64 / 1000;
            _count = second == _second ? _count + 1 : 1;
            _second = second;
            if (_count > MaxInSecond)
            {
                return false;
            }
        }

        return await _turns.WaitAsync(s_patience, cancellationToken);
    }

    public void Leave() => _turns.Release();

    public void Dispose() => _turns.Dispose();
}
