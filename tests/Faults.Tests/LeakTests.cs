using Xunit.Abstractions;

namespace Faults.Tests;

/// <summary>Runs after all other tests of the suite.</summary>
[Collection(LeakCheckLast.Collection)]
public class LeakTests(ITestOutputHelper output)
{
    [Fact]
    public async Task At_the_end_no_descriptor_of_any_kind_is_left_open_and_the_kernel_has_its_memory_back() =>
        output.WriteLine(await SuiteLeaks.AssertNoneAsync());
}
