using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Fuzz.Targets;

/// <summary>Configuration files that are right but for the values that were chosen to be wrong, which it keeps.</summary>
internal sealed class ConfigurationText
{
    private static readonly (string Key, string[] Right, string[] Wrong)[] s_spliceKeys =
    [
        ("IdleTimeout", ["00:01:00", "30.00:00:00", "00:00:00.5"], ["30", "-00:00:01", "31.00:00:00", "00:00:00", "1e3:00", "24:00:00:00:00"]),
        ("HalfCloseTimeout", ["00:00:10"], ["soon", "31.00:00:00"]),
        ("ConnectTimeout", ["00:00:05", "01:00:00"], ["02:00:00", "5s"]),
        ("PrereadTimeout", ["00:00:01"], ["01:00:01", "::"]),
        ("ConnectAttempts", ["1", "100"], ["0", "101", "-1", "1e3", "99999999999999999999", "１"]),
        ("ProxyProtocol", ["None", "v1", "V2"], ["V3", "1", "V1,V2"]),
        ("Listen", ["127.0.0.1", "127.0.0.2"], ["5432", "10.1", "localhost", "1.2.3.4.5", "[::1]:80x"]),
        ("BindSource", ["127.0.0.1", "::1"], ["256.1.1.1", "any"]),
        ("MaxConnections", ["1", "100000"], ["0", "-5", "2147483648", "many"]),
        ("MaxLifetime", ["01:00:00"], ["0", "365.00:00:00"]),
        ("ConnectionRate", ["1", "1000000"], ["0", "1000001", "1.5"]),
        ("OnDestinationRemoved", [], ["Explode", "0"]),
        ("DrainTimeout", ["00:00:05"], ["never"]),
    ];

    private static readonly (string Key, string[] Right, string[] Wrong)[] s_listKeys =
    [
        ("AllowedSources", ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::/0"], ["10.0.0.7/8", "10.0.0.0/33", "x", "10.1", "::1%lo", "1.2.3.4/"]),
        ("DeniedSources", ["127.0.0.2"], ["300.1.1.1"]),
        ("Alpn", ["h2", "http/1.1"], ["b\u00fccher", "a b"]),
    ];

    private readonly FuzzRandom _random;
    private readonly List<string> _wrong = [];
    private readonly Dictionary<string, string> _right = [];
    private readonly int _wrongOneIn;

    private ConfigurationText(FuzzRandom random, int wrongOneIn)
    {
        _random = random;
        _wrongOneIn = wrongOneIn;
        Root = Build();
    }

    public JsonObject Root { get; }

    /// <summary>The values that cannot be accepted.</summary>
    public IReadOnlyList<string> WrongValues => _wrong;

    /// <summary>What was set rightly on TCP routes, by <c>ROUTE:KEY</c>.</summary>
    public IReadOnlyDictionary<string, string> RightValues => _right;

    public static ConfigurationText Create(FuzzRandom random) => new(random, random.OneIn(2) ? int.MaxValue : 12);

    /// <summary>The same text with some of its values replaced by others of any kind, which may be right or wrong.</summary>
    public byte[] Damage(FuzzRandom random)
    {
        for (var i = random.Between(1, 4); i > 0; i--)
        {
            JsonNode node = Root;
            while (true)
            {
                var inner = node is JsonArray array ? array.ToArray() : [.. ((JsonObject)node).Select(static pair => pair.Value)];
                if (inner.Length == 0)
                {
                    break;
                }

                var at = random.Below(inner.Length);
                if (inner[at] is JsonObject or JsonArray && !random.OneIn(8))
                {
                    node = inner[at]!;
                    continue;
                }

                Replace(node, at, Other(random, inner[at]));
                break;
            }
        }

        return Encoding.UTF8.GetBytes(Root.ToJsonString());
    }

    private static void Replace(JsonNode parent, int at, JsonNode? value)
    {
        if (parent is JsonArray array)
        {
            array[at] = value;
            return;
        }

        var values = (JsonObject)parent;
        values[values.ElementAt(at).Key] = value;
    }

    private static JsonNode? Other(FuzzRandom random, JsonNode? before) => random.Below(9) switch
    {
        0 => null,
        1 => JsonValue.Create(random.Below(100_000) - 5),
        2 => JsonValue.Create(random.OneIn(2)),
        3 => new JsonObject { ["0"] = "x", ["a"] = new JsonArray(1, null) },
        4 => new JsonArray("a", null, new JsonObject()),
        5 => JsonValue.Create(""),
        6 => JsonValue.Create(new string(random.Pick(['x', ':', ',', '*', '\0', '\u00df', '\ud83d']), random.Size(500))),
        _ => JsonValue.Create(Encoding.UTF8.GetString(Mutation.Apply(Encoding.UTF8.GetBytes(before?.ToString() ?? ""), random, [.. "00:00:01 10.0.0.0/8 *:80 h2,::1"u8]))),
    };

    private JsonObject Build()
    {
        var (routes, clusters) = (new JsonObject(), new JsonObject());
        for (var i = _random.Between(1, 4); i > 0; i--)
        {
            routes[$"r{i}"] = _random.OneIn(4) ? HttpRoute(i) : TcpRoute(i);
            clusters[$"c{i}"] = Cluster(i);
        }

        var root = new JsonObject { ["ReverseProxy"] = new JsonObject { ["Routes"] = routes, ["Clusters"] = clusters } };
        if (_random.OneIn(3))
        {
            root["ShutdownTimeout"] = Choose(["00:00:30", "1.00:00:00"], ["soon", "30", "2.00:00:00"]);
        }

        if (_random.OneIn(3))
        {
            root["Admin"] = new JsonObject { ["Url"] = Choose(["http://127.0.0.1:9901", "http://localhost:1", "off"], ["ftp://x", "9901", "http://x/y", "http://[::1"]) };
        }

        if (_random.OneIn(3))
        {
            root["LinuxTransport"] = new JsonObject { ["Backlog"] = Choose(["512"], ["manyx", "0x10z"]) };
        }

        return root;
    }

    private JsonObject TcpRoute(int number)
    {
        var id = $"r{number}";
        var splice = new JsonObject();
        foreach (var (key, right, wrong) in s_spliceKeys)
        {
            if (_random.OneIn(6) && (right.Length > 0 || IsToBeWrong()))
            {
                var isWrong = right.Length == 0 || IsToBeWrong();
                var value = _random.Pick(isWrong ? wrong : right);
                splice[key] = value;
                if (isWrong)
                {
                    _wrong.Add(value);
                }
                else
                {
                    _right[$"{id}:Splice.{key}"] = value;
                }
            }
        }

        foreach (var (key, right, wrong) in s_listKeys)
        {
            if (_random.OneIn(6))
            {
                splice[key] = new JsonArray([.. Enumerable.Range(0, _random.Between(1, 3)).Select(i => (JsonNode)Choose([right[i % right.Length]], wrong))
                    .DistinctBy(static value => value.ToString())]);
            }
        }

        string[] hosts = [string.Create(CultureInfo.InvariantCulture, $"*:{7000 + number}"), string.Create(CultureInfo.InvariantCulture, $"x{number}.example:{7100 + number}")];
        return new JsonObject
        {
            ["ClusterId"] = $"c{number}",
            ["Mode"] = Choose(["Copy", "Splice", "auto", "Sockmap"], ["Teleport", "1", "Copy,Splice"]),
            ["Match"] = new JsonObject { ["Hosts"] = new JsonArray(Choose(hosts, ["*:99999", "nohost", "1.2.3.4:70:x", "*.*.x:80", "*:0"])) },
            ["Splice"] = splice,
        };
    }

    private JsonObject HttpRoute(int number) => new()
    {
        ["ClusterId"] = $"c{number}",
        ["Match"] = new JsonObject { ["Path"] = Choose([$"/{number}/{{**rest}}"], ["/{", "/{**a}/b"]) },
    };

    private JsonObject Cluster(int number)
    {
        var cluster = new JsonObject
        {
            ["Destinations"] = new JsonObject
            {
                ["a"] = new JsonObject { ["Address"] = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{8000 + number}") },
            },
        };
        if (_random.OneIn(4))
        {
            cluster["LoadBalancingPolicy"] = Choose(["RoundRobin", "LeastRequests"], ["Nearest"]);
        }

        return cluster;
    }

    private JsonValue Choose(string[] right, string[] wrong)
    {
        if (!IsToBeWrong())
        {
            return JsonValue.Create(_random.Pick(right));
        }

        var value = _random.Pick(wrong);
        _wrong.Add(value);
        return JsonValue.Create(value);
    }

    private bool IsToBeWrong() => _wrongOneIn != int.MaxValue && _random.OneIn(_wrongOneIn);
}
