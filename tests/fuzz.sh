#!/usr/bin/env bash
# Feeds made-up and damaged input to everything that reads strangers' bytes. `tests/fuzz.sh --help` says how.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
dotnet build "$root/tests/Fuzz" -c Release --nologo -v quiet
exec dotnet "$root/artifacts/bin/Fuzz/release/Fuzz.dll" "$@"
