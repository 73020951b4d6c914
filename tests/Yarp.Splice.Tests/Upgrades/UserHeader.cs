using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Yarp.Splice.Tests.Upgrades;

/// <summary>Believes whoever the request's X-User says it is from.</summary>
internal sealed class UserHeader(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    /// <summary>The policy <c>admin</c>, which lets only that user through.</summary>
    public static void AddAdminPolicy(WebApplicationBuilder builder)
    {
        builder.Services.AddAuthentication("user").AddScheme<AuthenticationSchemeOptions, UserHeader>("user", null);
        builder.Services.AddAuthorization(static options => options.AddPolicy("admin", static policy => policy.RequireUserName("admin")));
    }

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.Name, Request.Headers["X-User"].ToString())], Scheme.Name);
        return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name)));
    }
}
