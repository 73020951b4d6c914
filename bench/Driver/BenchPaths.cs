namespace Bench.Driver;

/// <summary>Where the parts of the instrument are.</summary>
internal sealed class BenchPaths
{
    public BenchPaths(string root, string temporary)
    {
        Root = root;
        Temporary = temporary;
    }

    public string Root { get; }

    /// <summary>Configurations, logs and data of the contestants; removed at the end.</summary>
    public string Temporary { get; }

    public string Results => Path.Combine(Root, "bench", "results");

    /// <summary>What was found out about a row's figures, written by hand: one Markdown file for each row that has any.</summary>
    public string Findings => Path.Combine(Root, "bench", "findings");

    public string QuickResults => Path.Combine(Root, "artifacts", "bench");

    public string HttpServer => Path.Combine(Root, "artifacts", "bin", "HttpServer", "release", "Bench.HttpServer.dll");

    public string YarpServer => Path.Combine(Root, "artifacts", "bin", "YarpServer", "release", "Bench.YarpServer.dll");

    public string CollectionLoad => Path.Combine(Root, "artifacts", "bin", "CollectionLoad", "release", "Bench.CollectionLoad.dll");

    public string Gateway => Path.Combine(Root, "artifacts", "bin", "Demo.Gateway", "release", "Demo.Gateway.dll");

    public static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Gateway.sln")))
            {
                return directory.FullName;
            }
        }

        throw new BenchException("Gateway.sln was not found in any folder above the driver.");
    }

    /// <summary>A program of bench/native.</summary>
    public string Native(string name) => Path.Combine(Root, "artifacts", "bench-native", name);

    /// <summary>Writes a generated configuration and returns its path.</summary>
    public string Write(string name, string content)
    {
        var path = Path.Combine(Temporary, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }
}
