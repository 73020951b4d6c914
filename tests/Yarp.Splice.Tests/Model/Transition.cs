namespace Yarp.Splice.Tests.Model;

/// <summary>A step that a state allows.</summary>
/// <param name="Action">Its number, which the model can put into words.</param>
/// <param name="Next">The state after it.</param>
/// <param name="IsProgress">
/// Whether it happens by itself sooner or later: the kernel's and the relay's steps, and peers that read. What peers send is not: nothing may
/// depend on that.
/// </param>
/// <param name="Broken">The invariant that it breaks, or <see langword="null"/>.</param>
internal readonly record struct Transition<TState>(byte Action, TState Next, bool IsProgress, string? Broken);
