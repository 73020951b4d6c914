namespace Fuzz;

/// <summary>One input, and what it says where that is known: because it was built from that and not changed since.</summary>
/// <param name="Input">The bytes.</param>
/// <param name="Meaning">What the product has to find in them; <see langword="null"/> if only the reference can tell.</param>
internal readonly record struct FuzzCase(byte[] Input, object? Meaning);
