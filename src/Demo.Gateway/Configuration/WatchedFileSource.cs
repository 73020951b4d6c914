namespace Demo.Gateway.Configuration;

/// <summary>The file of <c>--config</c> as a configuration source.</summary>
internal sealed class WatchedFileSource(WatchedFile file) : IConfigurationSource
{
    public IConfigurationProvider Build(IConfigurationBuilder builder) => file;
}
