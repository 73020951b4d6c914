using System.Globalization;
using System.Runtime.InteropServices;
using Demo.Gateway.Errors;

namespace Demo.Gateway.Privileges;

/// <summary>
/// The setting <c>User</c>: what the gateway becomes once its ports are open and its eBPF program is loaded. Every capability goes with the
/// change (capabilities(7), "Effect of user ID changes").
/// </summary>
internal static class PrivilegeDrop
{
    public const string Key = "User";

    /// <summary>Reads and checks the setting; <see langword="null"/> without one.</summary>
    public static UserAccount? Read(IConfiguration configuration, List<string> mistakes)
    {
        if (configuration[Key] is not { Length: > 0 } name)
        {
            return null;
        }

        const string Accepted = "accepted is the name or the number of a user of this machine other than root, such as nobody";
        var account = uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new UserAccount(name, number, number)
            : UserCalls.Find(name);
        if (account is null or { UserId: 0 })
        {
            mistakes.Add(account is null ? $"{Key}: there is no user '{name}'; {Accepted}." : $"{Key}: '{name}' is root; {Accepted}.");
            return null;
        }

        return account;
    }

    /// <summary>Whether the process can become the user, said before anything is started.</summary>
    /// <exception cref="MachineRefusalException">The process is not root.</exception>
    public static void RequireRoot(UserAccount account)
    {
        if (UserCalls.geteuid() != 0)
        {
            throw new MachineRefusalException($"{Key}: only root can become '{account.Name}'; accepted is to start as root, or to leave {Key} out.");
        }
    }

    /// <summary>Becomes the user, in all threads, for good.</summary>
    /// <exception cref="MachineRefusalException">The kernel refuses.</exception>
    public static unsafe void Become(UserAccount account)
    {
        var isNamed = !uint.TryParse(account.Name, NumberStyles.None, CultureInfo.InvariantCulture, out _);
        Check("setgroups", isNamed ? UserCalls.initgroups(account.Name, account.GroupId) : UserCalls.setgroups(0, null));
        Check("setresgid", UserCalls.setresgid(account.GroupId, account.GroupId, account.GroupId));
        Check("setresuid", UserCalls.setresuid(account.UserId, account.UserId, account.UserId));
        // The change has made /proc/self root's (proc(5), PR_SET_DUMPABLE in prctl(2)); diagnostics read it.
        Check("prctl", UserCalls.prctl(UserCalls.PR_SET_DUMPABLE, 1, 0, 0, 0));

        void Check(string call, int result)
        {
            if (result != 0)
            {
                throw new MachineRefusalException(
                    $"{Key}: the gateway cannot become '{account.Name}': {call}: {Marshal.GetLastPInvokeErrorMessage()}; it needs CAP_SETUID and CAP_SETGID.");
            }
        }
    }
}
