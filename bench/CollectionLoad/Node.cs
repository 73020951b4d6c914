namespace Bench.CollectionLoad;

/// <summary>A small object that leads the collector to two others, at random places of the heap.</summary>
internal sealed class Node
{
    public Node? First { get; set; }

    public Node? Second { get; set; }
}
