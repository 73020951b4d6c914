using Demo.Gateway.Configuration;
using Demo.Gateway.Errors;
using Microsoft.Extensions.Configuration;
using Testing;
using Xunit;

namespace Demo.Gateway.Tests;

public sealed class WatchedFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new("gateway-watched");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_MalformedJson_NamesFileLineAndPosition()
    {
        var path = Write("{\n  \"a\" }");
        using var file = new WatchedFile(path);

        var exception = Assert.Throws<ConfigurationMistakeException>(file.Load);

        Assert.StartsWith($"{path}: line 2, position 7: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoObject_IsRefused()
    {
        using var file = new WatchedFile(Write("[]"));

        Assert.Throws<ConfigurationMistakeException>(file.Load);
    }

    [Fact]
    public async Task Watch_BrokenChange_KeepsTheValuesAndAMendedOneReplacesThem()
    {
        using var file = new WatchedFile(Write("""{ "a": "1" }"""));
        var configuration = new ConfigurationBuilder().Add(new WatchedFileSource(file)).Build();
        var reloaded = new TaskCompletionSource();
        var problem = new TaskCompletionSource<string>();
        file.Watch(() => reloaded.TrySetResult(), reason => problem.TrySetResult(reason));

        Write("{ ");
        Assert.Contains("line 1", await problem.Task.WaitAsync(Deadline.Default), StringComparison.Ordinal);
        Assert.Equal("1", configuration["a"]);

        Write("""{ "a": "2" }""");
        await reloaded.Task.WaitAsync(Deadline.Default);
        Assert.Equal("2", configuration["a"]);
    }

    [Fact]
    public async Task Look_ChangedSinceLoad_TakesTheChangeOver()
    {
        using var file = new WatchedFile(Write("""{ "a": "1" }"""));
        var configuration = new ConfigurationBuilder().Add(new WatchedFileSource(file)).Build();
        var reloaded = new TaskCompletionSource();
        Write("""{ "a": "2" }""");

        file.Watch(() => reloaded.TrySetResult(), reason => reloaded.TrySetException(new InvalidDataException(reason)));
        file.Look();

        await reloaded.Task.WaitAsync(Deadline.Default);
        Assert.Equal("2", configuration["a"]);
    }

    private string Write(string text)
    {
        var path = _folder["gateway.json"];
        File.WriteAllText(path, text);
        return path;
    }
}
