namespace Demo.Gateway.Doctor;

/// <summary>What a finding means for the gateway.</summary>
internal enum Verdict
{
    /// <summary>Nothing to do.</summary>
    Ok,

    /// <summary>Worth knowing: something is missing that not everyone needs, or could not be read.</summary>
    Note,

    /// <summary>Costs connections, throughput or latency in ordinary use.</summary>
    Attention,
}
