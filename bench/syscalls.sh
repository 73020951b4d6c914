#!/usr/bin/env bash
# System calls per HTTP request, by strace -c, for both transports. A table to look at; it asserts nothing.
# usage: bench/syscalls.sh [connections [seconds]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
connections="${1:-64}"
seconds="${2:-2}"
port=21990

for program in strace wrk dotnet awk; do
  command -v "$program" >/dev/null || { echo "$program is not installed." >&2; exit 1; }
done
for number in "$connections" "$seconds"; do
  [[ "$number" =~ ^[1-9][0-9]{0,3}$ ]] || { echo "usage: bench/syscalls.sh [connections [seconds]]" >&2; exit 2; }
done

dotnet build -c Release -v quiet bench/HttpServer >/dev/null
temporary="$(mktemp -d)"
server=""
tracer=""
trap '[ -z "$tracer" ] || kill "$tracer" 2>/dev/null; [ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$temporary"' EXIT

measure() {
  local title="$1" inline="$2"
  shift 2
  port=$((port + 1))
  DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS="$inline" dotnet artifacts/bin/HttpServer/release/Bench.HttpServer.dll --port "$port" "$@" >"$temporary/server" 2>&1 &
  server=$!
  for _ in $(seq 100); do
    # Only this server's own answer counts as being up.
    wrk -t1 -c1 -d1s "http://127.0.0.1:$port/" >/dev/null 2>&1 && break
    sleep 0.1
  done
  # The code is compiled before anything is counted: the compiler and the collector make calls of their own.
  wrk -t1 -c"$connections" -d2s "http://127.0.0.1:$port/" >/dev/null
  strace -f -c -p "$server" -o "$temporary/calls" 2>/dev/null &
  tracer=$!
  sleep 1
  wrk -t1 -c"$connections" -d"${seconds}s" "http://127.0.0.1:$port/" >"$temporary/wrk"
  kill -INT "$tracer"
  wait "$tracer" 2>/dev/null || true
  tracer=""
  kill "$server"
  wait "$server" 2>/dev/null || true
  server=""
  local requests
  requests="$(awk '/requests in/ { print $1 }' "$temporary/wrk")"
  if [ -z "$requests" ] || [ "$requests" -eq 0 ]; then
    echo "$title: no request was served" >&2
    cat "$temporary/server" >&2
    return 1
  fi
  echo
  echo "$title, $connections connections, $requests requests"
  # Columns of strace -c: % time, seconds, usecs/call, calls, [errors,] syscall.
  awk -v requests="$requests" '
    $4 ~ /^[0-9]+$/ && $NF != "total" && $4 / requests >= 0.001 { printf "  %-22s %9.3f per request%s\n", $NF, $4 / requests, NF == 6 ? sprintf("  (%.3f failed)", $5 / requests) : "" }
    $NF == "total" { calls = $(NF == 6 ? 4 : NF == 5 ? 4 : 3); printf "  %-22s %9.3f per request\n", "all", calls / requests }
  ' "$temporary/calls"
}

echo "Under strace every call takes many times longer, which changes how much work finds itself in one round:"
echo "compare the kinds of calls, not the last digit."
measure "Linux transport" 0 --transport linux
measure "Linux transport, inline" 0 --transport linux --inline
measure "Kestrel sockets" 0 --transport sockets
measure "Kestrel sockets, inline" 1 --transport sockets --inline
measure "Linux transport, 1 request per connection" 0 --transport linux --requests-per-connection 1
measure "Kestrel sockets, 1 request per connection" 0 --transport sockets --requests-per-connection 1
