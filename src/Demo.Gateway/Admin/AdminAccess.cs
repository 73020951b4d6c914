namespace Demo.Gateway.Admin;

/// <summary>What a path demands of who asks.</summary>
internal enum AdminAccess
{
    /// <summary>Nothing: probes, and the page, which is empty without data.</summary>
    Open,

    /// <summary>The token, or to be on this machine where the endpoint is for this machine only.</summary>
    Data,

    /// <summary>The token, always.</summary>
    Action,
}
