// Every test starts processes and saturates what it measures; side by side they would only slow one another down.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
