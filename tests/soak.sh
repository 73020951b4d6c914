#!/usr/bin/env bash
# Runs the gateway under mixed load for a while and checks every byte, errors and leaks. `tests/soak.sh --help` says how.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
dotnet build "$root/tests/Soak" -c Release --nologo -v quiet
exec dotnet "$root/artifacts/bin/Soak/release/Soak.dll" "$@"
