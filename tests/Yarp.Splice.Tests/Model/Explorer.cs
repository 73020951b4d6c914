using System.Runtime.InteropServices;

namespace Yarp.Splice.Tests.Model;

/// <summary>
/// Explores every state that a model can reach, breadth first, so that a counter-example is as short as can be. Finds states that break an
/// invariant, states at rest in which something is missing (a deadlock), and states from which rest cannot be reached (a livelock).
/// </summary>
internal sealed class Explorer<TState>(IModel<TState> model, int mostStates)
    where TState : unmanaged
{
    private readonly List<TState> _states = [];
    private readonly List<(int Parent, byte Action)> _origins = [];
    private readonly List<(int From, int To)> _progress = [];
    private readonly List<int> _atRest = [];
    private readonly List<Transition<TState>> _transitions = [];
    private int[] _table = new int[1 << 16];

    public int States => _states.Count;

    public long Transitions { get; private set; }

    /// <summary>Explores; returns the trace to the first fault, or <see langword="null"/>.</summary>
    public Trace? Run()
    {
        var start = model.Start;
        _ = Visit(start, -1, 0);
        for (var i = 0; i < _states.Count; i++)
        {
            if (_states.Count > mostStates)
            {
                throw new InvalidOperationException($"The model has more than {mostStates} states: bound it more tightly.");
            }

            if (Expand(i) is { } trace)
            {
                return trace;
            }
        }

        return FindLivelock();
    }

    private Trace? Expand(int index)
    {
        var state = _states[index];
        if (model.FindFault(state) is { } fault)
        {
            return TraceTo(index, fault);
        }

        _transitions.Clear();
        model.AddTransitions(state, _transitions);
        var isAtRest = true;
        foreach (var (action, next, isProgress, broken) in _transitions)
        {
            Transitions++;
            if (broken is not null)
            {
                var trace = TraceTo(index, broken);
                trace.Add(model.Describe(action, state, next));
                return trace;
            }

            var target = Visit(next, index, action);
            if (isProgress)
            {
                isAtRest &= target == index;
                _progress.Add((target, index));
            }
        }

        if (!isAtRest)
        {
            return null;
        }

        _atRest.Add(index);
        return model.FindFaultAtRest(state) is { } missing ? TraceTo(index, missing) : null;
    }

    /// <summary>Goes back from the states at rest along the steps that happen by themselves: what it does not meet never comes to rest.</summary>
    private Trace? FindLivelock()
    {
        _progress.Sort(static (first, second) => first.From.CompareTo(second.From));
        var firstEdge = new int[_states.Count + 1];
        foreach (var (to, _) in _progress)
        {
            firstEdge[to + 1]++;
        }

        for (var i = 0; i < _states.Count; i++)
        {
            firstEdge[i + 1] += firstEdge[i];
        }

        var isMet = new bool[_states.Count];
        var queue = new Queue<int>(_atRest);
        foreach (var index in _atRest)
        {
            isMet[index] = true;
        }

        while (queue.TryDequeue(out var index))
        {
            for (var edge = firstEdge[index]; edge < firstEdge[index + 1]; edge++)
            {
                var before = _progress[edge].To;
                if (!isMet[before])
                {
                    isMet[before] = true;
                    queue.Enqueue(before);
                }
            }
        }

        var never = Array.IndexOf(isMet, false);
        return never < 0 ? null : TraceTo(never, "from here on the relay never comes to rest, though nobody sends anything more");
    }

    private int Visit(in TState state, int parent, byte action)
    {
        if ((_states.Count + 1) * 2 > _table.Length)
        {
            Grow();
        }

        for (var slot = StateComparer<TState>.Hash(state) & (_table.Length - 1); ; slot = (slot + 1) & (_table.Length - 1))
        {
            var known = _table[slot] - 1;
            if (known < 0)
            {
                _states.Add(state);
                _origins.Add((parent, action));
                _table[slot] = _states.Count;
                return _states.Count - 1;
            }

            if (StateComparer<TState>.AreSame(state, CollectionsMarshal.AsSpan(_states)[known]))
            {
                return known;
            }
        }
    }

    private void Grow()
    {
        _table = new int[_table.Length * 2];
        for (var i = 0; i < _states.Count; i++)
        {
            var slot = StateComparer<TState>.Hash(_states[i]) & (_table.Length - 1);
            while (_table[slot] != 0)
            {
                slot = (slot + 1) & (_table.Length - 1);
            }

            _table[slot] = i + 1;
        }
    }

    private Trace TraceTo(int index, string fault)
    {
        var steps = new Stack<string>();
        for (var at = index; _origins[at].Parent is >= 0 and var parent; at = parent)
        {
            steps.Push(model.Describe(_origins[at].Action, _states[parent], _states[at]));
        }

        return new Trace(fault, steps);
    }
}
