namespace Bench.Driver.Contestants;

/// <summary>HAProxy as a TCP relay, copying or splicing.</summary>
internal sealed class HaproxyTcp(string name, bool splices, int pipeBytes = 0) : Haproxy(name)
{
    protected override string Global() => pipeBytes > 0 ? $"tune.pipesize {pipeBytes}" : "";

    protected override string Section(int port, int upstream) => $"""
        listen relay
            mode tcp
            bind 127.0.0.1:{port} backlog 4096
            {(splices ? "option splice-request" : "")}
            {(splices ? "option splice-response" : "")}
            server up 127.0.0.1:{upstream}
        """;
}
