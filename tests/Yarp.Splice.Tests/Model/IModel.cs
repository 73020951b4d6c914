namespace Yarp.Splice.Tests.Model;

/// <summary>A state machine that can be explored.</summary>
/// <typeparam name="TState">A state, compared by its bytes.</typeparam>
internal interface IModel<TState>
    where TState : unmanaged
{
    TState Start { get; }

    /// <summary>Adds every step that the state allows.</summary>
    void AddTransitions(in TState state, List<Transition<TState>> transitions);

    /// <summary>What is wrong with a state, or <see langword="null"/>.</summary>
    string? FindFault(in TState state);

    /// <summary>What is wrong with a state in which nothing happens by itself, or <see langword="null"/>.</summary>
    string? FindFaultAtRest(in TState state);

    /// <summary>A step in words.</summary>
    string Describe(byte action, in TState before, in TState after);
}
