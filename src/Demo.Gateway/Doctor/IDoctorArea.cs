namespace Demo.Gateway.Doctor;

/// <summary>Findings that belong together.</summary>
internal interface IDoctorArea
{
    /// <summary>Stays the same between versions.</summary>
    string Name { get; }

    /// <summary>Never throws for what a machine lacks or hides: that is a finding.</summary>
    IEnumerable<Finding> Examine();
}
