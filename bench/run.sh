#!/usr/bin/env bash
# Builds the contestants and runs the benchmarks. `bench/run.sh --help` says how.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

log="$root/artifacts/bench-build.log"
mkdir -p "$root/artifacts/bench-native"

# Output only if it fails: a build's chatter would bury the tables.
quietly() {
  local what="$1"
  shift
  echo "-- $what"
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    echo "$what failed." >&2
    exit 1
  fi
}

has() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

install_peers() {
  local missing=() pair
  for pair in haproxy:haproxy nginx:nginx wrk:wrk h2load:nghttp2-client redis-server:redis-server redis-benchmark:redis-tools \
    pgbench:postgresql-contrib iperf3:iperf3 gcc:gcc strace:strace ss:iproute2 ps:procps setpriv:util-linux; do
    has "${pair%%:*}" || missing+=("${pair##*:}")
  done
  compgen -G '/usr/lib/nginx/modules/ngx_stream_module.so' >/dev/null || missing+=(libnginx-mod-stream)
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
  [ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
  [ "${#missing[@]}" -eq 0 ] && return
  if [ "$(id -u)" -ne 0 ] || ! has apt-get; then
    echo "-- not installed, and what needs them is skipped: ${missing[*]} (run as root to have them installed with apt-get)"
    return
  fi
  export DEBIAN_FRONTEND=noninteractive
  # Packages start their services at once, and an NGINX or Redis that idles beside the contestants is noise: no service may start.
  if [ -e /usr/sbin/policy-rc.d ]; then
    install_packages "${missing[@]}"
  else
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    install_packages "${missing[@]}"
    rm -f /usr/sbin/policy-rc.d
    trap - EXIT
  fi
}

install_packages() {
  quietly "apt-get update" apt-get update -q
  quietly "apt-get install $*" apt-get install -y -q --no-install-recommends "$@"
}

build_driver() { quietly "building the driver" dotnet build -c Release -v quiet bench/Driver; }

build_contestants() {
  local source
  for source in bench/native/*.c; do
    quietly "building $(basename "$source" .c)" gcc -O2 -Wall -Wextra -Wno-sign-compare -pthread \
      -o "artifacts/bench-native/$(basename "$source" .c)" "$source"
  done
  local project
  for project in bench/HttpServer bench/YarpServer bench/CollectionLoad src/Demo.Gateway; do
    quietly "building $(basename "$project")" dotnet build -c Release -v quiet "$project"
  done
}

driver=(dotnet artifacts/bin/Driver/release/Bench.Driver.dll)

# Wrong names and plain questions are answered before anything is installed or built for them.
build_driver >/dev/null
for argument in "$@"; do
  case "$argument" in
    --list | --help | -h) exec "${driver[@]}" "$@" ;;
  esac
done
"${driver[@]}" --list "$@" >/dev/null

install_peers
build_contestants

# 4,000 relayed connections take 8,000 descriptors in the relay.
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
exec "${driver[@]}" "$@"
