using System.Diagnostics;
using System.Net.Sockets;
using Soak.Loads;

namespace Soak;

/// <summary>One run: starts everything, lets the loads work, waits for silence, and judges.</summary>
internal static class SoakRun
{
    private const int Workers = 48;

    /// <summary>How long one exchange may take: a stall is an error too.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    /// <summary>More samples than this say nothing more.</summary>
    private const int WantedSamples = 60;

    public static async Task<bool> RunAsync(SoakOptions options)
    {
        UpstreamProcess[] upstreams = [new(), new()];
        try
        {
            foreach (var upstream in upstreams)
            {
                await upstream.StartAsync();
            }

            await using var gateway = await SoakGateway.StartAsync(upstreams);
            using var http = new HttpLoad();
            var report = new SoakReport(options, gateway, upstreams);
            await WorkAsync(options, gateway, http, report);
            return await report.ConcludeAsync();
        }
        finally
        {
            foreach (var upstream in upstreams)
            {
                await upstream.DisposeAsync();
            }
        }
    }

    private static async Task WorkAsync(SoakOptions options, SoakGateway gateway, HttpLoad http, SoakReport report)
    {
        ILoad[] loads = [new ClientFirstLoad(), new UpstreamFirstLoad(), new ConversationLoad(), new ChurnLoad(), new ClientResetLoad(), new UpstreamResetLoad()];
        await report.BeginAsync();
        using var time = new CancellationTokenSource(options.Duration);
        using var stop = PosixStop.On(time);
        using var begin = new SemaphoreSlim(0);
        var random = new Random(options.Seed);
        var interval = options.Duration / WantedSamples;
        var background = Task.WhenAll(
            report.Memory.RunAsync(interval, time.Token),
            report.Disturbances.RunAsync(time.Token),
            GrantAsync(begin, options.Rate, time.Token));
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => random.Next()).ToArray().Select(
            seed => Task.Run(() => WorkerAsync(new Random(seed), loads, http, gateway, begin, report, time.Token))));
        await background;
    }

    /// <summary>Lets so many exchanges begin in a second; what the workers can't begin is not made up for.</summary>
    private static async Task GrantAsync(SemaphoreSlim begin, int rate, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / rate));
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                if (begin.CurrentCount < rate)
                {
                    begin.Release();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over, and its workers hear of it by the same token.
        }
    }

    private static async Task WorkerAsync(
        Random random, ILoad[] loads, HttpLoad http, SoakGateway gateway, SemaphoreSlim begin, SoakReport report, CancellationToken cancellationToken)
    {
        var routes = gateway.Ports.ToArray();
        var weights = loads.Sum(static load => load.Weight);
        while (true)
        {
            try
            {
                await begin.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            var drawn = random.Next(weights + http.Weight);
            if (drawn >= weights)
            {
                await ExchangeAsync("HTTP", http, gateway.HttpPort, random, report);
                continue;
            }

            var load = loads.First(candidate => (drawn -= candidate.Weight) < 0);
            var (route, port) = routes[random.Next(routes.Length)];
            await ExchangeAsync($"{route}, {load.Name}", load, port, random, report);
        }
    }

    private static async Task ExchangeAsync(string name, ILoad load, int port, Random random, SoakReport report)
    {
        using var patience = new CancellationTokenSource(s_patience);
        var from = DateTime.UtcNow;
        try
        {
            report.Tally.Add(name, await load.RunAsync(port, random, patience.Token));
        }
        catch (WrongBytesException exception)
        {
            // An upstream that is killed sends FIN or RST, as the kernel finds its socket.
            report.AddWrong(name, exception, report.Disturbances.WasOutage(from, DateTime.UtcNow) && load is UpstreamResetLoad);
        }
        catch (OperationCanceledException)
        {
            report.AddError($"{name}: took longer than {s_patience.TotalSeconds:0} s", from);
        }
        catch (Exception exception) when (exception is SocketException or IOException or HttpRequestException)
        {
            var kind = exception.GetBaseException() is SocketException socket ? $"{socket.SocketErrorCode}" : exception.GetType().Name;
            report.AddError($"{name}: {kind}", from);
        }
    }
}
