using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Testing.Faults;

/// <summary>
/// Puts <c>faults.c</c> between the product's assemblies and the C library, whose functions they then find there. The .NET runtime, and with it the
/// tests' own sockets, are not touched.
/// </summary>
public static unsafe class FaultInjection
{
    private const string Compiler = "clang-19";
    private const string SeedVariable = "FAULTS_SEED";
    private const string KindsVariable = "FAULTS_KINDS";
    private const string ReportVariable = "FAULTS_REPORT";
    private const int ReportSize = 8192;

    private static delegate* unmanaged<ulong, int, void> s_start;
    private static delegate* unmanaged<void> s_stop;
    private static delegate* unmanaged<byte*, int, int> s_describe;

    /// <summary>
    /// If FAULTS_SEED says so, all tests of the process run under faults: of the kinds that FAULTS_KINDS names, and FAULTS_REPORT names the file for what
    /// was done.
    /// </summary>
    public static void InstallIfAsked(params Assembly[] assemblies)
    {
        if (Environment.GetEnvironmentVariable(SeedVariable) is not { Length: > 0 } seed)
        {
            return;
        }

        Install(assemblies);
        Start(ulong.Parse(seed, CultureInfo.InvariantCulture), Enum.Parse<FaultKinds>(Environment.GetEnvironmentVariable(KindsVariable)!));
        if (Environment.GetEnvironmentVariable(ReportVariable) is { Length: > 0 } report)
        {
            AppDomain.CurrentDomain.ProcessExit += (_, _) => File.WriteAllText(report, Describe());
        }
    }

    /// <summary>To be called before the first system call of the assemblies. Nothing fails before <see cref="Start"/>.</summary>
    public static void Install(params Assembly[] assemblies)
    {
        var library = Build();
        s_start = (delegate* unmanaged<ulong, int, void>)NativeLibrary.GetExport(library, "faults_start");
        s_stop = (delegate* unmanaged<void>)NativeLibrary.GetExport(library, "faults_stop");
        s_describe = (delegate* unmanaged<byte*, int, int>)NativeLibrary.GetExport(library, "faults_describe");
        foreach (var assembly in assemblies)
        {
            NativeLibrary.SetDllImportResolver(assembly, (name, _, _) => name == "libc" ? library : 0);
        }
    }

    /// <summary>Begins to make calls fail.</summary>
    /// <param name="seed">Which ones.</param>
    /// <param name="kinds">Of which kinds.</param>
    public static void Start(ulong seed, FaultKinds kinds) => s_start(seed, (int)kinds);

    public static void Stop() => s_stop();

    /// <summary>A line for each kind of fault: the call, the error, how often since <see cref="Start"/>.</summary>
    public static string Describe()
    {
        var text = stackalloc byte[ReportSize];
        return Encoding.ASCII.GetString(text, s_describe(text, ReportSize));
    }

    private static nint Build()
    {
        using var folder = new TemporaryFolder("faults");
        var library = folder["faults.so"];
        var source = Path.Combine(AppContext.BaseDirectory, "Faults", "faults.c");
        string[] arguments = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", source, "-o", library];
        using var compiler = Process.Start(new ProcessStartInfo(Programs.Require(Compiler), arguments) { RedirectStandardError = true })!;
        var errors = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        return compiler.ExitCode == 0 ? NativeLibrary.Load(library) : throw new InvalidOperationException($"{source} does not compile: {errors}");
    }
}
