using System.ComponentModel;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;

namespace Testing;

/// <summary>A network namespace of a test's own (ip-netns(8)).</summary>
public sealed partial class NetworkNamespace : IAsyncDisposable
{
    private const int CLONE_NEWNET = 0x40000000;

    private const string Folder = "/run/netns";
    private const string Prefix = "gateway-";

    private static readonly Lazy<Task> s_leftovers = new(RemoveLeftoversAsync);

    private static int s_last;

    private NetworkNamespace(string name) => Name = name;

    public string Name { get; }

    /// <summary>What starts a program in the namespace, and becomes it.</summary>
    public IReadOnlyList<string> Launcher => ["ip", "netns", "exec", Name];

    public static async Task<NetworkNamespace> CreateAsync()
    {
        await s_leftovers.Value;
        var name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref s_last)}");
        await IpAsync("netns", "add", name);
        var created = new NetworkNamespace(name);
        await created.ConfigureAsync("link", "set", "lo", "up");
        return created;
    }

    /// <summary>Runs ip(8) in the namespace.</summary>
    public Task ConfigureAsync(params string[] arguments) => IpAsync(["-n", Name, .. arguments]);

    /// <summary>Runs a program in the namespace; what it wrote.</summary>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    public Task<string> ExecuteAsync(string program, params string[] arguments) => IpAsync(["netns", "exec", Name, Programs.Require(program), .. arguments]);

    /// <summary>Sets a parameter of the namespace's own, such as <c>ipv4/ip_forward</c>.</summary>
    public Task SetAsync(string parameter, string value) => RunAsync(() =>
    {
        File.WriteAllText($"/proc/sys/net/{parameter}", value);
        return true;
    });

    /// <summary>Lays a virtual cable (veth(4)) to another namespace, with a device and an address of the same network of 256 at either end.</summary>
    public async Task ConnectAsync(NetworkNamespace other, (string Device, IPAddress Address) end, (string Device, IPAddress Address) otherEnd)
    {
        await ConfigureAsync("link", "add", end.Device, "type", "veth", "peer", "name", otherEnd.Device, "netns", other.Name);
        await ConfigureAsync("addr", "add", $"{end.Address}/24", "dev", end.Device);
        await other.ConfigureAsync("addr", "add", $"{otherEnd.Address}/24", "dev", otherEnd.Device);
        await ConfigureAsync("link", "set", end.Device, "up");
        await other.ConfigureAsync("link", "set", otherEnd.Device, "up");
    }

    /// <summary>Runs an action on a thread that is in the namespace; the sockets that it opens stay there.</summary>
    public Task<T> RunAsync<T>(Func<T> action) => RunInAsync($"{Folder}/{Name}", action);

    /// <summary>Runs an action on a thread that is in the network namespace of a process.</summary>
    public static async Task<T> RunWithAsync<T>(int processId, Func<T> action)
    {
        var file = new FileInfo($"/proc/{processId}/ns/net");
        return file.LinkTarget == new FileInfo("/proc/self/ns/net").LinkTarget ? action() : await RunInAsync(file.FullName, action);
    }

    public async ValueTask DisposeAsync() => await IpAsync("netns", "del", Name);

    private static Task<T> RunInAsync<T>(string file, Func<T> action)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                using (var handle = File.OpenHandle(file))
                {
                    if (setns((int)handle.DangerousGetHandle(), CLONE_NEWNET) != 0)
                    {
                        throw new Win32Exception(Marshal.GetLastPInvokeError(), $"setns into {file}");
                    }
                }

                done.SetResult(action());
            }
            catch (Exception exception)
            {
                done.SetException(exception);
            }
        })
        { IsBackground = true }.Start();
        return done.Task.WaitAsync(Deadline.Default);
    }

    /// <summary>Removes what test processes have left behind that were killed.</summary>
    private static async Task RemoveLeftoversAsync()
    {
        if (!Directory.Exists(Folder))
        {
            return;
        }

        foreach (var name in Directory.GetFiles(Folder, $"{Prefix}*").Select(static path => Path.GetFileName(path)))
        {
            if (!Directory.Exists($"/proc/{name.Split('-')[1]}"))
            {
                // Another test process may be quicker.
                _ = await RunningProgram.RunAsync(Programs.Require("ip"), "netns", "del", name);
            }
        }
    }

    private static async Task<string> IpAsync(params string[] arguments)
    {
        var (exitCode, output, error) = await RunningProgram.RunAsync(Programs.Require("ip"), arguments);
        if (exitCode != 0)
        {
            throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {output}{error}");
        }

        return output;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int descriptor, int kind);
}
