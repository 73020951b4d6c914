using Testing.Leaks;
using Xunit;

[assembly: TestCollectionOrderer(LeakCheckLast.TypeName, LeakCheckLast.Assembly)]

namespace Browser.Tests;

/// <summary>The collection of <see cref="LeakTests"/>.</summary>
[CollectionDefinition(LeakCheckLast.Collection, DisableParallelization = true)]
public sealed class RunsLast;
