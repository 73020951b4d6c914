namespace Demo.Gateway.Hosting;

/// <summary>What kinds of routes a configuration has. Only the kinds: what is in them is for YARP and its extension to check.</summary>
internal readonly record struct ConfiguredRoutes(bool HasHttp, bool HasTcp)
{
    /// <param name="proxy">The section of YARP.</param>
    /// <param name="isWithoutAllowed">Whether there is something else to serve.</param>
    /// <param name="mistakes">Gets what is wrong.</param>
    public static ConfiguredRoutes Read(IConfigurationSection proxy, bool isWithoutAllowed, List<string> mistakes)
    {
        var (hasHttp, hasTcp) = (false, false);
        foreach (var route in proxy.GetSection("Routes").GetChildren())
        {
            var isTcp = route["Mode"] is not null || route["Metadata:Splice.Mode"] is not null;
            hasTcp |= isTcp;
            hasHttp |= !isTcp;
        }

        if (!hasHttp && !hasTcp && !isWithoutAllowed)
        {
            mistakes.Add("ReverseProxy:Routes: there is no route; accepted is at least one. Only a gateway of files (StaticFiles) does without.");
        }

        return new ConfiguredRoutes(hasHttp, hasTcp);
    }
}
