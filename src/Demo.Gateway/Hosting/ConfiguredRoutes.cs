namespace Demo.Gateway.Hosting;

/// <summary>What kinds of routes a configuration has. Only the kinds: what is in them is for YARP and its extension to check.</summary>
internal readonly record struct ConfiguredRoutes(bool HasHttp, bool HasTcp)
{
    public static ConfiguredRoutes Read(IConfigurationSection proxy)
    {
        var (hasHttp, hasTcp) = (false, false);
        foreach (var route in proxy.GetSection("Routes").GetChildren())
        {
            var isTcp = route["Mode"] is not null || route["Metadata:Splice.Mode"] is not null;
            hasTcp |= isTcp;
            hasHttp |= !isTcp;
        }

        return new ConfiguredRoutes(hasHttp, hasTcp);
    }
}
