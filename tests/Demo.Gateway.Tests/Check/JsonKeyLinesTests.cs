using System.Text;
using Demo.Gateway.Check;
using Xunit;

namespace Demo.Gateway.Tests.Check;

public sealed class JsonKeyLinesTests
{
    [Fact]
    public void Read_NestedObjectsAndArrays_HasThePathsOfTheConfigurationSystem()
    {
        var lines = JsonKeyLines.Read("""
            {
              // a comment
              "A": 1, "B": { "C":
                 "text",
                "D": [ "x",
                       { "E": true },
                       [ 1,
                         2 ] ],
              }
            }
            """u8);

        Assert.Equal(
            new Dictionary<string, int>
            {
                ["A"] = 3,
                ["B"] = 3,
                ["B:C"] = 3,
                ["B:D"] = 5,
                ["B:D:0"] = 5,
                ["B:D:1"] = 6,
                ["B:D:1:E"] = 6,
                ["B:D:2"] = 7,
                ["B:D:2:0"] = 7,
                ["B:D:2:1"] = 8,
            },
            lines);
    }

    [Fact]
    public void Read_AByteOrderMark_IsSkipped() =>
        Assert.Equal(2, JsonKeyLines.Read(Encoding.UTF8.GetPreamble().Concat("{\n\"Ä\": 1 }"u8.ToArray()).ToArray())["Ä"]);

    [Fact]
    public void Read_KeysWithoutRegardToCase_AreFound() => Assert.Equal(1, JsonKeyLines.Read("""{ "kestrel": { } }"""u8)["Kestrel"]);
}
