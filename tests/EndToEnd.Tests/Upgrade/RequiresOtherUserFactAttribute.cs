using Testing;
using Xunit;

namespace EndToEnd.Tests.Upgrade;

/// <summary>A fact that runs a program as another user, which takes root and setpriv(1); skipped without them.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresOtherUserFactAttribute : FactAttribute
{
    public RequiresOtherUserFactAttribute() => Skip = Programs.MissingReason(["setpriv"]) ?? (Environment.IsPrivilegedProcess ? null : "needs root");
}
