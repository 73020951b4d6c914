// Each test has a browser and a gateway; on few CPUs they would only make one another late.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
