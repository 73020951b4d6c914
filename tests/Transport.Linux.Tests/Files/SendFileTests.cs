using System.Net;
using System.Net.Sockets;

namespace Transport.Linux.Tests.Files;

/// <summary>Files over the transport with sendfile(2): what the client gets, and that the kernel has sent it.</summary>
[Collection(RunsAlone.Name)]
public class SendFileTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(FileSegmentLength - 1)]
    [InlineData(FileSegmentLength)]
    [InlineData(FileSegmentLength + 1)]
    [InlineData(20_000_000)]
    public async Task Get_File_ComesFromTheKernelByteForByte(int length)
    {
        await using var site = await FileSite.StartAsync();
        var bytes = site.Write("a.txt", length);
        using var client = site.CreateClient();
        Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(await client.GetByteArrayAsync("a.txt")));
        Assert.Equal(FileSite.Hash(bytes), FileSite.Hash(await client.GetByteArrayAsync("a.txt")));
        client.Dispose();
        await site.UntilClosedAsync();
        Assert.Equal(2.0 * length, site.SentByKernel);
        Assert.Empty(site.Log.Complaints);
    }

    [Fact]
    public async Task Get_EmptyFile_ComesWithoutABody()
    {
        await using var site = await FileSite.StartAsync();
        site.Write("empty.txt", 0);
        using var client = site.CreateClient();
        using var response = await client.GetAsync("empty.txt");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(0, response.Content.Headers.ContentLength);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }

    private const int FileSegmentLength = Transport.Linux.Files.FileSegment.MaxLength;
}
