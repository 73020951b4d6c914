using System.Buffers;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Transport.Linux;
using Transport.Linux.Tests;

namespace Faults.Tests;

/// <summary>HTTP requests to Kestrel on the transport while any system call may fail: the right answer, or none; and nothing is left behind.</summary>
public class RequestFaultTests
{
    private const int Clients = 8;
    private const int RequestsOfEach = 30;
    private const int MostBytes = 200_000;
    private const int FileSize = 300_000;

    [RequiresProgramTheory("clang-19")]
    [MemberData(nameof(EachSeed))]
    public async Task Requests_get_the_right_answer_or_none_and_leave_nothing_behind(ulong seed)
    {
        var before = OpenDescriptors.Count();
        var pool = new CountingMemoryPool();
        var content = RandomNumberGenerator.GetBytes(FileSize);
        var folder = Directory.CreateTempSubdirectory("faults-");
        var file = Path.Combine(folder.FullName, "file");
        await File.WriteAllBytesAsync(file, content);
        int answered;
        await using (var server = await StartAsync(pool, file))
        {
            Assert.Equal(RequestsOfEach, await RunClientAsync(server.Address, 0, content));
            using (var faults = new InjectedFaults(seed))
            {
                var clients = await Task.WhenAll(Enumerable.Range(1, Clients).Select(client => RunClientAsync(server.Address, client, content)));
                answered = clients.Sum();
                faults.EndAndAssertSome("recv EAGAIN", "send", "sendfile short");
            }

            Assert.InRange(answered, 1, (Clients * RequestsOfEach) - 1);
            Assert.Equal(RequestsOfEach, await RunClientAsync(server.Address, 0, content));
        }

        folder.Delete(recursive: true);
        await Deadline.UntilAsync(() => Task.FromResult(pool.Rented == 0), () => $"{pool.Rented} of {pool.Total} blocks were not returned");
        await OpenDescriptors.AssertNoMoreThanAsync(before);
    }

    public static TheoryData<ulong> EachSeed() => [.. Seeds.All];

    private static Task<KestrelServer> StartAsync(CountingMemoryPool pool, string file) => KestrelServer.StartAsync(
        app =>
        {
            app.UseSendFile();
            app.MapPost("/echo", static context => context.Request.Body.CopyToAsync(context.Response.Body));
            app.MapGet("/file", context =>
            {
                context.Response.ContentLength = FileSize;
                return context.Response.SendFileAsync(file);
            });
        },
        // Pools of memory nodes would take the place of the counting one.
        configure: options => options.NumaMode = NumaMode.Off,
        build: builder => builder.Services.AddSendFile().AddSingleton<IMemoryPoolFactory<byte>>(pool));

    /// <summary>Uploads that come back, and downloads of a file, over a few connections; how many succeeded.</summary>
    private static async Task<int> RunClientAsync(string address, int seed, byte[] file)
    {
        using var client = new HttpClient { BaseAddress = new Uri(address), Timeout = Deadline.Default };
        var random = new Random(seed);
        var answered = 0;
        for (var i = 0; i < RequestsOfEach; i++)
        {
            var body = new byte[random.Next(MostBytes)];
            random.NextBytes(body);
            try
            {
                if (i % 2 == 0)
                {
                    var answer = await client.GetByteArrayAsync(new Uri("/file", UriKind.Relative));
                    Assert.True(answer.AsSpan().SequenceEqual(file), "the file's bytes are wrong");
                }
                else
                {
                    using var upload = new ByteArrayContent(body);
                    using var response = await client.PostAsync(new Uri("/echo", UriKind.Relative), upload);
                    var echo = await response.Content.ReadAsByteArrayAsync();
                    Assert.True(echo.AsSpan().SequenceEqual(body), "the bytes that came back are wrong");
                }

                answered++;
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                // Reset by a fault.
            }
        }

        return answered;
    }
}
