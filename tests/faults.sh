#!/usr/bin/env bash
# Runs the transport's and the relay's own tests while their system calls fail or fall short at random. docs/reliability.md says what fails.
# Usage: tests/faults.sh [--seed N]... [--long | --quick] [--keep DIR]
#   --seed N    which calls: any number (default 1). Given several times, one run after another; tests/Faults.Tests runs with it too
#   --long      also the tests that take minutes
#   --quick     only the tests of connections, transfers and ends, which take some minutes, as they were built last
#   --keep DIR  where the result files go (default artifacts/faults)
# Needs clang-19. The last line is "N passed, N failed, N skipped" of all runs together; the exit status is 1 if a test failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en

seeds=() is_long=false is_quick=false keep=artifacts/faults
while [ $# -gt 0 ]; do
  case $1 in
    --seed)
      [[ ${2:-} =~ ^[0-9]{1,18}$ ]] || { echo "--seed needs a number of at most 18 digits, not '${2:-}'." >&2; exit 2; }
      seeds+=("$2"); shift ;;
    --long) is_long=true ;;
    --quick) is_quick=true ;;
    --keep) keep=${2:?--keep needs a folder}; shift ;;
    *) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$keep"
keep=$(cd "$keep" && pwd)

passed=0 failed=0 skipped=0
finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ]
}

if ! command -v clang-19 >/dev/null; then
  echo "skipped: clang-19 is not installed"
  skipped=1
  finish
  exit
fi

# run SEED KINDS PROJECT FILTER
run() {
  local seed=$1 kinds=$2 project=$3 filter=$4 name totals
  name="$project-${kinds//, /-}-$seed"
  echo "== $project, seed $seed, faults: $kinds"
  rm -f "$keep/$name.faults"
  FAULTS_SEED=$seed FAULTS_KINDS=$kinds FAULTS_REPORT="$keep/$name.faults" dotnet test "tests/$project" -c Release --no-build --nologo \
    --logger "trx;LogFileName=$name.trx" --results-directory "$keep" ${filter:+--filter "$filter"} >"$keep/$name.log" 2>&1 || true
  totals=$(sed -nE 's/^(Passed|Failed)! +- Failed: +([0-9]+), Passed: +([0-9]+), Skipped: +([0-9]+),.*/\3 \2 \4/p' "$keep/$name.log" | tail -n 1)
  if [ -z "$totals" ] || grep -q -E "Test host process crashed|[Tt]est run (was )?aborted" "$keep/$name.log"; then
    failed=$((failed + 1))
    echo "FAILED: it crashed or could not start, its last lines are:"
    tail -n 40 "$keep/$name.log"
  fi
  if [ -n "$totals" ]; then
    read -r -a totals <<<"$totals"
    passed=$((passed + totals[0])) failed=$((failed + totals[1])) skipped=$((skipped + totals[2]))
    echo "${totals[0]} passed, ${totals[1]} failed, ${totals[2]} skipped"
    if [ "${totals[1]}" -gt 0 ]; then
      grep -v "^\[xUnit" "$keep/$name.log" | sed -n '/^  Failed /,$p'
      echo "To repeat these faults: tests/faults.sh --seed $seed"
    fi
  fi
}

# The suite's tests, which must have met faults.
run_suite() {
  local report="$keep/$3-${2//, /-}-$1.faults"
  run "$@"
  if [ "$(awk '{ sum += $NF } END { print sum + 0 }' "$report" 2>/dev/null)" = 0 ]; then
    failed=$((failed + 1))
    echo "FAILED: no call was made to fail"
  fi
  if grep '^splice past-verdict [1-9]' "$report" 2>/dev/null; then
    failed=$((failed + 1))
    echo "FAILED: a socket with a verdict was spliced"
  fi
}

# any NAME...: a filter for tests whose full name contains one of these
any() {
  local filter name
  for name; do
    filter+="${filter:+|}FullyQualifiedName~$name"
  done
  echo "&($filter)"
}

# none NAME...
none() {
  printf '&FullyQualifiedName!~%s' "$@"
}

transport='Faults!=no' relay='Faults!=no' bytes="Faults!=no$(any .RelayTransferTests .RelayEndTests)"
if $is_quick; then
  # Without those that a machine breaks that stands still for some seconds: they run once without faults.
  transport+=$(any .ConnectionTests .DetachTests .HandoverTests .StreamDetachmentTests .EventLoopConnectorTests .KestrelTests .SocketTransportParityTests .SendFileParityTests)
  relay+=$(any .RelayConnectTests .SockmapRelayTests .UpgradeTransferTests)
  relay+=$(none MoreThanFourGibibytes HardlyWakeTheLoops DestinationDoesNotAnswer_ EarlyDataWhileConnecting_)
  bytes+=$(none PingPong_ TrafficInOneDirectionOnly_)
  # Once, at a load of 50, a session of it was reset, and nobody knows why yet.
  bytes+='&(FullyQualifiedName!~ConcurrentSessions_|DisplayName!~Sockmap)'
else
  for project in Faults Transport.Linux Yarp.Splice; do
    dotnet build "tests/$project.Tests" -c Release --nologo -v quiet
  done
  if ! $is_long; then
    # Minutes of the same, and what makes no system calls.
    transport+=$(none ChurnTests LargeTransferTests LongLivedConnectionTests PressureTests OptionValidationTests PlacementTests)
    relay+=$(none MoreThanFourGibibytes ReloadSoakTests StalledReaders_ .Model. Properties .LoadBalancing. .Tls. ConfigurationTests AddressSetTests)
  fi
fi
for seed in "${seeds[@]:-1}"; do
  run_suite "$seed" Passing Transport.Linux.Tests "$transport"
  run_suite "$seed" Passing Yarp.Splice.Tests "$relay"
  # These look at bytes and ends only, not at how they got there nor at the log.
  run_suite "$seed" "Passing, Shortage" Yarp.Splice.Tests "$bytes"
  if [ ${#seeds[@]} -gt 0 ] && ! $is_quick; then
    run "$seed" "Passing, Shortage, Fatal" Faults.Tests ''
  fi
done
finish
