using System.Collections.Concurrent;

namespace Yarp.Splice.Relay;

/// <summary>Lets one message a subject through in each interval and counts the others, so that a failing route does not flood the log.</summary>
internal sealed class ThrottledNotice(TimeSpan interval)
{
    private readonly ConcurrentDictionary<string, Subject> _subjects = new();

    public bool ShouldSay(string subject, out int unsaid)
    {
        var entry = _subjects.GetOrAdd(subject, static _ => new Subject());
        lock (entry)
        {
            var now = Environment.TickCount64;
            if (entry.NextMs > now)
            {
                entry.Unsaid++;
                unsaid = 0;
                return false;
            }

            unsaid = entry.Unsaid;
            entry.Unsaid = 0;
            entry.NextMs = now + (long)interval.TotalMilliseconds;
            return true;
        }
    }

    private sealed class Subject
    {
        public long NextMs { get; set; }

        public int Unsaid { get; set; }
    }
}
