using System.Net;

namespace Yarp.Splice.Listening;

/// <summary>A port that is listened on.</summary>
internal interface IOpenPort
{
    EndPoint EndPoint { get; }

    /// <summary>Stops listening. Sessions are not touched.</summary>
    Task CloseAsync();
}
