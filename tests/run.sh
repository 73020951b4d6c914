#!/usr/bin/env bash
# Installs what is missing, builds, runs every test, and prints the totals as the last line.
# Usage: tests/run.sh [FILTER]     FILTER goes to `dotnet test --filter`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

filter=${1:-}
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en

# Each command of the .NET SDK leaves two empty folders where temporary files go, and a process that is killed the files of its diagnostics: they go with
# a folder of this run's own. Tests run programs as other users, who must get through it.
TMPDIR=$(mktemp -d -t gateway-tests-XXXXXX)
export TMPDIR
chmod 755 "$TMPDIR"
trap 'rm -rf -- "$TMPDIR"' EXIT

if ! command -v dotnet >/dev/null; then
  echo "dotnet is missing: install the .NET 10 SDK." >&2
  exit 1
fi

install_missing() {
  local entry program package missing=()
  for entry in redis-server:redis-server initdb:postgresql wrk:wrk h2load:nghttp2-client curl:curl openssl:openssl ps:procps ip:iproute2 tc:iproute2 nft:nftables ethtool:ethtool strace:strace prlimit:util-linux clang-19:clang-19 setpriv:util-linux \
    haproxy:haproxy nginx:nginx ngx_stream_module.so:libnginx-mod-stream chromium:chromium debootstrap:debootstrap buildah:buildah podman:podman runc:runc qemu-system-x86_64:qemu-system-x86 cpio:cpio \
    debugfs:e2fsprogs xz:xz-utils busybox:busybox-static systemd-analyze:systemd; do
    program=${entry%%:*} package=${entry##*:}
    # Debian keeps PostgreSQL's server programs, and NGINX's modules, out of the path.
    if ! command -v "$program" >/dev/null && ! compgen -G "/usr/lib/postgresql/*/bin/$program" >/dev/null &&
      ! compgen -G "/usr/lib/nginx/modules/$program" >/dev/null; then
      missing+=("$package")
    fi
  done
  if [ ${#missing[@]} -eq 0 ]; then
    return
  fi
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed: ${missing[*]}. Tests that need them are skipped. As root: apt-get install ${missing[*]}"
    return
  fi
  echo "Installing ${missing[*]} with apt-get."
  # The tests start servers of their own: the packages must not start any. An existing policy is left alone.
  local policy=/usr/sbin/policy-rc.d own_policy=false
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    own_policy=true
  fi
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; }; then
    echo "apt-get could not install ${missing[*]}. Tests that need them are skipped."
  fi
  if $own_policy; then
    rm -f "$policy"
  fi
}

passed=0 failed=0 skipped=0
finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ]
}

check() {
  local name=$1
  shift
  echo "== $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED $name: $*"
    return 1
  fi
}

counter() {
  sed -n "s/.*<Counters.*[[:space:]]$2=\"\([0-9]*\)\".*/\1/p" "$1" | head -n 1
}

decode() {
  sed -e 's/&#xD;//g; s/&#xA;/\n/g; s/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&apos;/'"'"'/g; s/&amp;/\&/g'
}

show_failures() {
  awk '
    /<UnitTestResult / {
      failing = /outcome="Failed"/
      name = $0; sub(/.* testName="/, "", name); sub(/".*/, "", name)
      if (failing) { printf "\nFAILED %s\n", name }
    }
    failing && /<Message>/ { inMessage = 1 }
    failing && inMessage { line = $0; gsub(/<\/?Message>/, "", line); print line }
    /<\/Message>/ { inMessage = 0 }
    /<\/UnitTestResult>/ { failing = 0 }
  ' "$1" | decode
}

run_tests() {
  local project=$1 name trx total run_passed run_failed not_run
  name=$(basename "$project" .csproj)
  trx="$results/$name.trx"
  echo "== $name"
  # The exit code says nothing that the result file does not, except when there is no such file.
  dotnet test "$project" -c Release --no-build --nologo --logger "trx;LogFileName=$name.trx" --results-directory "$results" \
    ${filter:+--filter "$filter"} >"$results/$name.log" 2>&1 || true
  if [ ! -s "$trx" ] || [ -z "$(counter "$trx" total)" ]; then
    if [ -n "$filter" ] && grep -q "No test matches" "$results/$name.log"; then
      echo "no test matches the filter"
      return
    fi
    failed=$((failed + 1))
    echo "FAILED $name: it crashed or could not start, its last lines are:"
    tail -n 40 "$results/$name.log"
    return
  fi
  total=$(counter "$trx" total) run_passed=$(counter "$trx" passed) run_failed=$(counter "$trx" failed)
  not_run=$((total - run_passed - run_failed))
  passed=$((passed + run_passed)) failed=$((failed + run_failed)) skipped=$((skipped + not_run))
  echo "$run_passed passed, $run_failed failed, $not_run skipped"
  show_failures "$trx"
  # A host that crashes half-way still leaves a result file, without the tests that it never reached.
  if grep -q -E "Test host process crashed|[Tt]est run (was )?aborted" "$results/$name.log"; then
    failed=$((failed + 1))
    echo "FAILED $name: the run was aborted, its last lines are:"
    tail -n 40 "$results/$name.log"
  fi
}

# A script that runs tests of its own, and whose last line is their totals.
run_script() {
  local name=$1 last
  shift
  echo "== $name"
  "$@" 2>&1 | tee "$results/$name.log" || true
  last=$(tail -n 1 "$results/$name.log")
  if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
  else
    failed=$((failed + 1))
    echo "FAILED $name: $1 ended without totals"
  fi
}

install_missing
results=artifacts/test-results
rm -rf "$results"
mkdir -p "$results"
results=$(cd "$results" && pwd)

if ! check "build" dotnet build Gateway.sln -c Release --nologo -v quiet; then
  finish
  exit 1
fi
check "format" dotnet format Gateway.sln --verify-no-changes --no-restore || true
for project in tests/*/*.Tests.csproj; do
  run_tests "$project"
done
if [ -z "$filter" ]; then
  run_script faults tests/faults.sh --quick --keep "$results/faults"
  check "reproducible build" tests/reproducible.sh || true
  # Other kernels, and a machine with two memory nodes.
  if command -v qemu-system-x86_64 >/dev/null; then
    run_script vm tests/vm/run.sh --quick --keep "$results/vm"
  else
    skipped=$((skipped + 1))
    echo "skipped the virtual machines: qemu-system-x86_64 is not installed"
  fi
  check "fuzz" tests/fuzz.sh --cases 60000 || true
  check "soak" tests/soak.sh --minutes 3 || true
fi
finish
