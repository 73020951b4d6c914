using Demo.Gateway.Privileges;
using Microsoft.Extensions.Configuration.EnvironmentVariables;

namespace Demo.Gateway.Configuration;

/// <summary>
/// Environment variables as settings, without <c>USER</c>: login shells and service managers put the name of the present user there (environ(7)), and names of
/// settings know no case. A variable that is written <c>User</c> is the setting.
/// </summary>
internal sealed class EnvironmentSource : IConfigurationSource
{
    /// <summary>Takes the place of the source that reads all variables.</summary>
    public static void Replace(IList<IConfigurationSource> sources)
    {
        for (var i = 0; i < sources.Count; i++)
        {
            if (sources[i] is EnvironmentVariablesConfigurationSource { Prefix: null or "" })
            {
                sources[i] = new EnvironmentSource();
            }
        }
    }

    public IConfigurationProvider Build(IConfigurationBuilder builder) => new Provider();

    private sealed class Provider : EnvironmentVariablesConfigurationProvider
    {
        public override void Load()
        {
            base.Load();
            if (Environment.GetEnvironmentVariable(PrivilegeDrop.Key) is { } user)
            {
                Data[PrivilegeDrop.Key] = user;
            }
            else
            {
                Data.Remove(PrivilegeDrop.Key);
            }
        }
    }
}
