namespace Bench.Driver.Rows;

/// <summary>The rows, in the order in which they run.</summary>
internal static class AllRows
{
    public static IReadOnlyList<Row> Create() =>
    [
        new HttpPlaintextRow(), new HttpChurnRow(), new HttpFileRow(), new HttpProxyRow(), new TcpBulkRow(), new TcpRequestResponseRow(), new TcpConnectRow(),
        new TcpIdleRow(), new TcpStalledRow(), new TcpPauseRow(), new RedisRow(), new PostgresRow(),
        new StartRow(),
    ];
}
