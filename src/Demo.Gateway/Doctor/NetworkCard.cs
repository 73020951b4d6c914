namespace Demo.Gateway.Doctor;

/// <summary>A network card.</summary>
/// <param name="Name">The interface.</param>
/// <param name="Node">The memory node that it is at; -1 if it is at none.</param>
/// <param name="ReceiveQueues">Its receive queues.</param>
/// <param name="SendQueues">Its send queues.</param>
/// <param name="Interrupts">The interrupts of its queues.</param>
internal sealed record NetworkCard(string Name, int Node, string[] ReceiveQueues, string[] SendQueues, int[] Interrupts);
