using System.Runtime.InteropServices;

namespace Demo.Gateway.Privileges;

/// <summary>Changing the user of the process. The C library does it in all threads (nptl(7)); the system calls alone would do it in one.</summary>
internal static unsafe partial class UserCalls
{
    public const int PR_SET_DUMPABLE = 4;

    private const int BufferSize = 16 * 1024;
    private const int ERANGE = 34;

    /// <summary>The user of that name, or <see langword="null"/>.</summary>
    /// <exception cref="IOException">The user database cannot be read.</exception>
    public static UserAccount? Find(string name)
    {
        for (var size = BufferSize; ; size *= 2)
        {
            var buffer = new byte[size];
            fixed (byte* pointer = buffer)
            {
                Passwd found;
                Passwd* result;
                var error = getpwnam_r(name, &found, pointer, (nuint)size, &result);
                switch (error)
                {
                    case 0:
                        return result == null ? null : new UserAccount(name, found.UserId, found.GroupId);
                    case ERANGE:
                        continue;
                    default:
                        throw new IOException($"getpwnam_r: {Marshal.GetPInvokeErrorMessage(error)}");
                }
            }
        }
    }

    [LibraryImport("libc")]
    public static partial uint geteuid();

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int initgroups(string user, uint group);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setgroups(nuint size, uint* list);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setresgid(uint real, uint effective, uint saved);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setresuid(uint real, uint effective, uint saved);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int prctl(int option, nuint value, nuint unused3, nuint unused4, nuint unused5);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int getpwnam_r(string name, Passwd* found, byte* buffer, nuint size, Passwd** result);

    /// <summary>struct passwd (getpwnam(3)), the same in all C libraries on 64-bit Linux up to the group.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Passwd
    {
        public byte* Name;
        public byte* Password;
        public uint UserId;
        public uint GroupId;
        public byte* Information;
        public byte* Directory;
        public byte* Shell;
    }
}
