namespace Demo.Gateway.Doctor;

/// <summary>Where the control groups of the process are: in version 2's one tree, in version 1's tree for each controller, or in both (cgroups(7)).</summary>
internal sealed class CgroupFolders
{
    private readonly SystemFiles _files;
    private readonly Dictionary<string, string[]> _legacy = [];
    private readonly string[] _unified = [];

    public CgroupFolders(SystemFiles files)
    {
        _files = files;
        var mounts = files.Read("/proc/self/mountinfo");
        var groups = files.Read("/proc/self/cgroup");
        Obstacle = !mounts.IsRead ? mounts : !groups.IsRead ? groups : null;
        foreach (var line in (mounts.Text ?? "").Split('\n'))
        {
            // number, parent, device, root, mount point, options, tags …, "-", type, source, options of the file system
            var fields = line.Split(' ');
            var separator = Array.IndexOf(fields, "-");
            if (separator < 5 || fields.Length < separator + 4 || fields[separator + 1] is not ("cgroup" or "cgroup2"))
            {
                continue;
            }

            var (root, point) = (fields[3], fields[4]);
            if (fields[separator + 1] == "cgroup2")
            {
                _unified = Climb(point, root, GroupPath(groups.Text, static controllers => controllers.Length == 0));
                continue;
            }

            foreach (var controller in fields[separator + 3].Split(',').Where(static option => option is "cpu" or "memory" or "pids" or "cpuset"))
            {
                _legacy[controller] = Climb(point, root, GroupPath(groups.Text, controllers => controllers.Split(',').Contains(controller)));
            }
        }

        if (Obstacle is null && _unified.Length == 0 && _legacy.Count == 0)
        {
            Obstacle = mounts with { Obstacle = "no cgroup is mounted" };
        }
    }

    /// <summary>Why nothing is known; otherwise <see langword="null"/>.</summary>
    public Reading? Obstacle { get; }

    public string Version => (_unified.Length, _legacy.Count) switch
    {
        ( > 0, > 0) => "hybrid (1 and 2)",
        ( > 0, _) => "2",
        _ => "1",
    };

    /// <summary>Whether a controller is in version 2's tree.</summary>
    public bool IsUnified(string controller) => !_legacy.ContainsKey(controller);

    /// <summary>The group of the process, its parent, and so on up to the mount, for a controller.</summary>
    public IReadOnlyList<string> FoldersOf(string controller) => _legacy.GetValueOrDefault(controller) ?? _unified;

    private static string GroupPath(string? groups, Func<string, bool> isWanted)
    {
        // number, controllers, path
        var found = (groups ?? "").Split('\n').Select(static line => line.Split(':', 3)).FirstOrDefault(parts => parts.Length == 3 && isWanted(parts[1]));
        return found?[2] ?? "/";
    }

    private string[] Climb(string point, string root, string group)
    {
        // What is mounted may begin below the root of the tree, and the group may lie outside of it: containers.
        var below = root == "/" ? group : group.StartsWith(root, StringComparison.Ordinal) ? group[root.Length..] : "";
        below = below.Contains("..", StringComparison.Ordinal) ? "" : below.TrimEnd('/');
        var folders = new List<string>();
        for (; below.Length > 0; below = below[..below.LastIndexOf('/')])
        {
            if (_files.Exists(point + below))
            {
                folders.Add(point + below);
            }
        }

        folders.Add(point);
        return [.. folders];
    }
}
