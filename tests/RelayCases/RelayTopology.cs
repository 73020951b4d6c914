using System.Globalization;

namespace RelayCases;

/// <summary>The routes that the cases need, with a port for each, and their destinations, listening: what a relay under test is configured for.</summary>
public sealed class RelayTopology : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("relay-cases-");
    private readonly Dictionary<(RouteSettings Settings, bool Prereads), RelayRoute> _routes = [];

    /// <param name="takePort">Gives a free port.</param>
    public RelayTopology(Func<int> takePort)
    {
        foreach (var relayCase in AllCases.List)
        {
            Add(relayCase.Route, prereads: false);
            if (relayCase.AlsoAfterPreread)
            {
                Add(relayCase.Route, prereads: true);
            }
        }

        void Add(RouteSettings settings, bool prereads)
        {
            if (!_routes.ContainsKey((settings, prereads)))
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"{settings.Name}{(prereads ? "-preread" : "")}");
                _routes[(settings, prereads)] = new RelayRoute(settings, takePort(), prereads,
                    [.. settings.Destinations.Select((kind, i) => new Destination(kind, _folder.FullName, $"{name}-{i}"))]);
            }
        }
    }

    public IEnumerable<RelayRoute> Routes => _routes.Values;

    /// <summary>Plays a case: what is worth telling of it.</summary>
    /// <exception cref="CaseFailedException">The relay did not do what the case expects.</exception>
    public async Task<string> RunAsync(RelayCase relayCase, bool prereads)
    {
        var route = _routes[(relayCase.Route, prereads)];
        route.CloseLeftovers();
        try
        {
            return await relayCase.RunAsync(route);
        }
        catch (Exception exception) when (exception is System.Net.Sockets.SocketException or TimeoutException)
        {
            throw new CaseFailedException(exception.Message, exception);
        }
    }

    public void Dispose()
    {
        foreach (var route in _routes.Values)
        {
            route.Dispose();
        }

        _folder.Delete(recursive: true);
    }
}
