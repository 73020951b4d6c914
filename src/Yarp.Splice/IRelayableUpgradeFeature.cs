using Microsoft.AspNetCore.Http.Features;

namespace Yarp.Splice;

/// <summary>
/// An upgrade feature that middleware of the application has put around Kestrel's, and that can do without the bytes: on a route with
/// <c>Splice:Upgrades</c> the connection goes to the relay all the same, and the stream that the feature has returned is not used.
/// </summary>
/// <remarks>
/// For middleware that counts, for example; what was relayed is in <see cref="IRelayedSessionFeature"/>. An upgrade feature that is neither this
/// nor Kestrel's own keeps the connection with YARP, which copies.
/// </remarks>
public interface IRelayableUpgradeFeature : IHttpUpgradeFeature;
