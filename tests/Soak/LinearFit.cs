namespace Soak;

/// <summary>The line through points with the least squares.</summary>
internal static class LinearFit
{
    /// <summary>How much y grows for each x; zero where there are fewer than two points.</summary>
    public static double Slope(IReadOnlyList<(double X, double Y)> points)
    {
        if (points.Count < 2)
        {
            return 0;
        }

        var (meanX, meanY) = (points.Average(static point => point.X), points.Average(static point => point.Y));
        return points.Sum(point => (point.X - meanX) * (point.Y - meanY)) / points.Sum(point => (point.X - meanX) * (point.X - meanX));
    }
}
