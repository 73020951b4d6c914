using Bench.Micro;
using BenchmarkDotNet.Running;

BenchmarkSwitcher.FromAssembly(typeof(TimerWheelBenchmark).Assembly).Run(args, MicroConfiguration.Create());
