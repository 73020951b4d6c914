namespace Demo.Gateway.Privileges;

/// <summary>A user of the machine.</summary>
internal sealed record UserAccount(string Name, uint UserId, uint GroupId);
