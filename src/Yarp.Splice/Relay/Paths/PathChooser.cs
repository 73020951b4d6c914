namespace Yarp.Splice.Relay.Paths;

/// <summary>
/// Counts one direction's transfers against a <see cref="PathPolicy"/>. A field of the direction, so that choosing costs a few comparisons and
/// no memory of its own.
/// </summary>
internal struct PathChooser(PathPolicy policy)
{
    private int _fullReadsNeeded = policy.FullReadsBeforeSplice;
    private int _fullReads;
    private int _smallSplices;
    private int _largeSplices;

    /// <summary>Counts a copy; true if Splice should take over.</summary>
    public bool WantsSplice(long bytes)
    {
        if (!policy.MaySplice || bytes < policy.FullRead)
        {
            _fullReads = bytes > 0 ? 0 : _fullReads;
            return false;
        }

        return ++_fullReads >= _fullReadsNeeded;
    }

    /// <summary>Counts a splice; true if Copy should take over.</summary>
    public bool WantsCopy(long bytes)
    {
        if (bytes >= policy.SmallSplice)
        {
            _smallSplices = 0;
            if (++_largeSplices >= policy.LargeSplicesBeforeForgiving)
            {
                _largeSplices = 0;
                _fullReadsNeeded = policy.FullReadsBeforeSplice;
            }

            return false;
        }

        if (bytes > 0)
        {
            _largeSplices = 0;
            _smallSplices++;
        }

        return _smallSplices >= policy.SmallSplicesBeforeCopy;
    }

    /// <summary>The direction splices from now on.</summary>
    public void OnSplice() => _smallSplices = _largeSplices = 0;

    /// <summary>The direction copies from now on, because its splices were small.</summary>
    public void OnCopy()
    {
        _fullReads = 0;
        _fullReadsNeeded = Math.Min(_fullReadsNeeded * 2, policy.MostFullReadsBeforeSplice);
    }

    /// <summary>The direction copies from now on, because it got no pipe.</summary>
    public void OnNoPipe()
    {
        _fullReads = 0;
        _fullReadsNeeded = Math.Max(_fullReadsNeeded, policy.FullReadsAfterNoPipe);
    }
}
