#!/usr/bin/env bash
# Runs the micro-benchmarks (BenchmarkDotNet, short jobs, some 3 minutes) and writes their summaries to bench/results/micro.md.
# usage: bench/micro.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -eq 0 ] || { echo "usage: bench/micro.sh" >&2; exit 2; }

reports=artifacts/bench-micro/results
summary=bench/results/micro.md
rm -rf "$reports"
dotnet build -c Release -v quiet --nologo bench/Micro >/dev/null
busy_before=$(awk '/^cpu /{print $2+$3+$4+$7+$8}' /proc/stat)
sleep 5
busy_after=$(awk '/^cpu /{print $2+$3+$4+$7+$8}' /proc/stat)
others=$(awk -v ticks=$((busy_after - busy_before)) -v hz="$(getconf CLK_TCK)" 'BEGIN{printf "%.2f", ticks / hz / 5}')
dotnet artifacts/bin/Micro/release/Bench.Micro.dll --filter '*'

{
  echo "# Micro-benchmarks"
  echo
  echo "Written by \`bench/micro.sh\` on $(date -u '+%Y-%m-%d %H:%M') UTC; not edited by hand. Short jobs of BenchmarkDotNet in one process: three iterations each, so look at"
  echo "magnitudes and allocations, and at the error column before comparing. In the five seconds before, $others of $(nproc) CPUs were busy with something else."
  for report in "$reports"/*-report-github.md; do
    name=$(basename "$report" -report-github.md)
    echo
    echo "## ${name##*.}"
    echo
    sed 's/\*\*//g' "$report"
  done
} >"$summary"
echo "Written: $summary"
