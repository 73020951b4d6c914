using Microsoft.Extensions.Options;
using Transport.Linux.Files;
using Transport.Linux.Interop;

namespace Transport.Linux.Tests.Files;

/// <summary>The cache of open files: which descriptor a path gives, and when descriptors are closed.</summary>
[Collection(RunsAlone.Name)]
public sealed class OpenFileCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("open-files");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TryOpen_SameFileAgain_IsTheSameDescriptor()
    {
        using var metrics = new MetricReadings();
        using var cache = Create(metrics: metrics);
        var path = Write("a");
        var first = cache.TryOpen(path, null, null)!;
        var second = cache.TryOpen(path, null, null)!;
        Assert.Same(first, second);
        first.Release();
        second.Release();
        Assert.Equal(1, metrics.Sum("transport.linux.open_files.count"));
        cache.Dispose();
        Assert.Equal(0, CountDescriptors());
    }

    [Fact]
    public void TryOpen_MoreFilesThanTheLimit_ClosesTheOneUnusedForLongest()
    {
        using var cache = Create(maxFiles: 2);
        var paths = new[] { Write("a"), Write("b"), Write("c") };
        Use(cache, paths[0]);
        Use(cache, paths[1]);
        Use(cache, paths[0]);
        Use(cache, paths[2]);
        Assert.Equal([paths[0], paths[2]], OpenPaths());
    }

    [Fact]
    public void TryOpen_FileThatIsInUseIsThrownOut_StaysOpenUntilItIsReleased()
    {
        using var cache = Create(maxFiles: 1);
        var first = cache.TryOpen(Write("a"), null, null)!;
        Use(cache, Write("b"));
        Assert.True(FileCalls.GetStatus(first.Descriptor, out var status) >= 0);
        Assert.Equal(first.Length, status.Length);
        Assert.Equal(2, CountDescriptors());
        first.Release();
        Assert.Equal(1, CountDescriptors());
    }

    [Theory]
    [InlineData("missing")]
    [InlineData(".")]
    [InlineData("fifo")]
    public void TryOpen_NotARegularFile_IsRefusedWithoutADescriptor(string name)
    {
        using var fifo = System.Diagnostics.Process.Start("mkfifo", [_folder["fifo"]]);
        fifo.WaitForExit();
        using var cache = Create();
        Assert.Null(cache.TryOpen(_folder[name], null, null));
        Assert.Equal(0, CountDescriptors());
    }

    [Fact]
    public void TryOpen_ReplacedWithinTheValidity_IsTakenForTheOldOneOnlyIfTheResponseFits()
    {
        using var cache = Create(validity: TimeSpan.FromHours(1));
        var path = Write("a");
        var old = cache.TryOpen(path, null, null)!;
        old.Release();
        File.Move(Write("b"), path, overwrite: true);
        var fitting = cache.TryOpen(path, old.LastModified, old.Length)!;
        Assert.Same(old, fitting);
        fitting.Release();
        // Another length, another time, or a response that says nothing: the path is looked at.
        foreach (var (lastModified, end) in new (string?, long?)[] { ("another", 1), (old.LastModified, old.Length + 1), (null, null) })
        {
            var current = cache.TryOpen(path, lastModified, end)!;
            Assert.NotSame(old, current);
            current.Release();
        }
    }

    [Fact]
    public void TryOpen_ReplacedAfterTheValidity_IsTheNewOne()
    {
        using var cache = Create(validity: TimeSpan.Zero);
        var path = Write("a");
        var old = cache.TryOpen(path, null, null)!;
        old.Release();
        File.Move(Write("b"), path, overwrite: true);
        var current = cache.TryOpen(path, old.LastModified, old.Length)!;
        Assert.NotSame(old, current);
        current.Release();
        Assert.Equal([path], OpenPaths());
    }

    [Fact]
    public async Task OpenFileIdleTimeout_FileIsNotUsed_IsClosed()
    {
        using var cache = Create(idle: TimeSpan.FromSeconds(1));
        Use(cache, Write("a"));
        await Deadline.UntilAsync(() => Task.FromResult(CountDescriptors() == 0), () => "the file is still open");
        Assert.Equal(0, cache.Count);
    }

    [Fact]
    public async Task TryOpen_ByManyThreadsWithReplacements_LeavesNoDescriptorBehind()
    {
        var cache = Create(maxFiles: 3, validity: TimeSpan.Zero);
        var paths = Enumerable.Range(0, 6).Select(number => Write($"{number}")).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 6).Select(worker => Task.Run(() =>
        {
            var random = new Random(worker);
            for (var i = 0; i < 2000; i++)
            {
                var path = paths[random.Next(paths.Length)];
                if (i % 50 == 0)
                {
                    File.Move(Write($"new-{worker}"), path, overwrite: true);
                }

                var file = cache.TryOpen(path, null, null);
                Assert.NotNull(file);
                Assert.True(FileCalls.GetStatus(file.Descriptor, out _) >= 0);
                file.Release();
            }
        }))).WaitAsync(Deadline.Default);
        Assert.InRange(CountDescriptors(), 1, 3);
        cache.Dispose();
        Assert.Equal(0, CountDescriptors());
    }

    [Fact]
    public void Validate_ValuesOutOfRange_AreNamed()
    {
        var result = new SendFileOptionsValidator().Validate(
            null, new SendFileOptions { MaxOpenFiles = -1, OpenFileIdleTimeout = TimeSpan.Zero, OpenFileValidity = TimeSpan.FromDays(2) });
        Assert.Equal(
            [
                "SendFileOptions.MaxOpenFiles is -1; accepted is a number from 0 to 1000000.",
                "SendFileOptions.OpenFileIdleTimeout is 00:00:00; accepted is a duration from 00:00:01 to 1.00:00:00.",
                "SendFileOptions.OpenFileValidity is 2.00:00:00; accepted is a duration from 00:00:00 to 01:00:00.",
            ],
            result.Failures);
    }

    private static OpenFileCache Create(int maxFiles = 100, TimeSpan? validity = null, TimeSpan? idle = null, MetricReadings? metrics = null) => new(
        Options.Create(new SendFileOptions
        {
            MaxOpenFiles = maxFiles,
            OpenFileValidity = validity ?? TimeSpan.FromSeconds(1),
            OpenFileIdleTimeout = idle ?? TimeSpan.FromHours(1),
        }),
        metrics?.Factory);

    private static void Use(OpenFileCache cache, string path) => cache.TryOpen(path, null, null)!.Release();

    private string Write(string name)
    {
        var path = _folder[name];
        File.WriteAllText(path, name);
        return path;
    }

    private string[] OpenPaths() => [.. Directory.GetFiles("/proc/self/fd")
        .Select(static link => new FileInfo(link).LinkTarget)
        .OfType<string>()
        .Where(target => target.StartsWith(_folder.FullName, StringComparison.Ordinal))
        .Order(StringComparer.Ordinal)];

    private int CountDescriptors() => OpenPaths().Length;
}
