#!/usr/bin/env bash
# Runs the tests on Debian's 6.1 and 6.12 kernels and on a machine with two NUMA nodes, in virtual machines that are emulated if there is no KVM.
# Usage: tests/vm/run.sh [--quick] [--only NAME] [--keep DIR]
#   --quick      the part that CI runs, some minutes; without it every suite whole, an hour or more under emulation
#   --only NAME  only the machines whose name contains NAME
#   --keep DIR   where the output of each machine goes (default artifacts/vm)
# Needs qemu-system-x86, cpio, e2fsprogs, xz-utils and busybox-static; kernels are downloaded with apt-get, not installed. Neither root nor KVM is needed.
# The last line is "N passed, N failed, N skipped" of all machines together; the exit status is 1 if a test failed or a machine did not come up.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

is_quick=false only='' keep=artifacts/vm
while [ $# -gt 0 ]; do
  case $1 in
    --quick) is_quick=true ;;
    --only) only=${2:?--only needs the name of a machine, or a part of it}; shift ;;
    --keep) keep=${2:?--keep needs a folder}; shift ;;
    *) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$keep"
keep=$(cd "$keep" && pwd)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

# A fresh container has no package lists to find a kernel in.
if [ -z "$(apt-cache search --names-only '^linux-image-6\.1\.' 2>/dev/null)" ] && [ "$(id -u)" -eq 0 ]; then
  apt-get update -qq
fi

# What a machine gets: the test programs, and the runtime that they need instead of a whole SDK.
share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
dotnet build tests/vm/TestRunner -c Release --nologo -v quiet >&2
cp -r artifacts/bin/TestRunner/release "$share/tests"
cp -r artifacts/bin/PlainApp/release "$share/PlainApp"
dotnet_root=$(dirname "$(readlink -f "$(command -v dotnet)")")
version=$(dotnet --list-runtimes | sed -nE 's/^Microsoft\.AspNetCore\.App (10\.[0-9.]+) .*/\1/p' | tail -n1)
mkdir -p "$share/dotnet/shared/Microsoft.NETCore.App" "$share/dotnet/shared/Microsoft.AspNetCore.App"
cp -rL "$dotnet_root/dotnet" "$dotnet_root/host" "$share/dotnet/"
for framework in Microsoft.NETCore.App Microsoft.AspNetCore.App; do
  cp -rL "$dotnet_root/shared/$framework/$version" "$share/dotnet/shared/$framework/"
done

# The place of the repository is built into the tests, and some of them start the sample or read its files. Their deadlines are for real machines.
cat >"$share/guest.sh" <<GUEST
mkdir -p "$PWD/artifacts/bin/PlainApp"
ln -s /mnt/share/PlainApp "$PWD/artifacts/bin/PlainApp/release"
export TESTS_SLOWNESS=20
export DOTNET_ROOT=/mnt/share/dotnet DOTNET_HOST_PATH=/mnt/share/dotnet/dotnet PATH=/mnt/share/dotnet:/usr/sbin:/usr/bin:/sbin:/bin
exec dotnet exec /mnt/share/tests/TestRunner.dll "\$@"
GUEST

with=()
for program in ip strace prlimit setpriv; do
  path=$(command -v "$program" || true)
  [ -z "$path" ] || with+=(--with "$(readlink -f "$path")")
done

passed=0 failed=0 skipped=0

# machine NAME VMRUN-OPTIONS... -- TESTRUNNER-ARGUMENTS...
machine() {
  local name=$1 log options=() last status=0
  shift
  [[ $name == *"$only"* ]] || return 0
  log=$keep/$name.txt
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  echo "== $name"
  local started=$SECONDS
  tests/vm/vmrun "${options[@]}" "${with[@]}" --memory 3072 --share "$share" -- sh guest.sh "$@" --verbose >"$log" 2>&1 || status=$?
  last=$(tail -n 1 "$log")
  if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
    echo "$last ($((SECONDS - started)) s)"
    grep -A 6 '^FAILED' "$log" || true
    grep '^SKIPPED' "$log" || true
    [ "$status" -eq 0 ] || [ "${BASH_REMATCH[2]}" -gt 0 ] || { failed=$((failed + 1)); echo "FAILED $name: exit status $status"; }
  else
    failed=$((failed + 1))
    echo "FAILED $name: exit status $status; its last lines are:"
    tail -n 20 "$log"
  fi
}

# A hundred thousand connections, two hundred that are heard of every second, code that returns before the loop is taken from it (some 2 ms), a limit of processor
# time, and millions of sends are too much where every instruction is emulated. There is no disk to read a cold file from. optmem_max is no namespace's own before 6.8.
not_here=(--not 'count: 100000' --not .LongLivedConnectionTests. --not .RunApplication_CodeThatReturns_ --not .Descriptors_AllInUse_ --not .Get_ColdFileOnTheEventLoop_
  --not 'GetEverything(form: "Exact", size: 1)' --not 'GetEverything(form: "Credit", size: 1)')
declare -A not_there=([6.1]=.Write_KernelHasNoRoomForCompletions_ [6.12]=)
if $is_quick; then
  for kernel in 6.1 6.12; do
    machine numa-$kernel --kernel $kernel --numa 2 --cpus 4 --timeout 400 -- Machine.Tests
  done
else
  for kernel in 6.1 6.12; do
    machine numa-$kernel --kernel $kernel --numa 2 --cpus 4 --timeout 600 -- Machine.Tests
    machine transport-$kernel --kernel $kernel --module veth --timeout 3600 -- Transport.Linux.Tests "${not_here[@]}" ${not_there[$kernel]:+--not "${not_there[$kernel]}"}
    machine relay-$kernel --kernel $kernel --module tun --timeout 5400 -- Yarp.Splice.Tests "${not_here[@]}"
  done
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
