using System.Net;
using System.Net.Sockets;
using Transport.Linux.Interop;

namespace Transport.Linux.Tests;

/// <summary>Connects from a CPU of choice. On loopback the sender's CPU is the one that receives.</summary>
internal static class PinnedClient
{
    public static Task<Socket> ConnectAsync(int cpu, EndPoint endPoint)
    {
        var connected = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                Assert.Equal(0, SchedulerCalls.Pin(SchedulerCalls.CurrentThreadId(), [cpu]));
                var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                client.Connect(endPoint);
                connected.SetResult(client);
            }
            catch (Exception exception)
            {
                connected.SetException(exception);
            }
        }).Start();
        return connected.Task.WaitAsync(Deadline.Default);
    }
}
