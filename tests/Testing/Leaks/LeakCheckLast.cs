using Xunit;
using Xunit.Abstractions;

namespace Testing.Leaks;

/// <summary>
/// Has the collection named <see cref="Collection"/> run after all others, which it does if its tests run one at a time, and remembers what was open
/// before the first one. To be named by the assembly's TestCollectionOrderer attribute.
/// </summary>
public sealed class LeakCheckLast : ITestCollectionOrderer
{
    public const string TypeName = "Testing.Leaks.LeakCheckLast";
    public const string Assembly = "Testing";
    public const string Collection = "Leak check";

    public LeakCheckLast() => SuiteLeaks.Begin();

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(static collection => collection.DisplayName == Collection);
}
