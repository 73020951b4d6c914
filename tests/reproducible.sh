#!/usr/bin/env bash
# Builds the gateway twice, from copies of the sources in folders with names of different length, and compares the assemblies byte by byte.
# Usage: tests/reproducible.sh     exit status: 0 if all are the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# As a build server: without the folder's name in the assemblies.
export CI=true DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

assemblies=(Transport.Linux Yarp.Splice Demo.Gateway)
for copy in first the-second-one; do
  mkdir "$folder/$copy"
  tar -c --exclude=obj --exclude=bin --exclude=artifacts src bpf Directory.*.props Directory.*.targets global.json .editorconfig | tar -x -C "$folder/$copy"
  dotnet build "$folder/$copy/src/Demo.Gateway" -c Release --nologo -v quiet
done

different=0
for name in "${assemblies[@]}"; do
  if cmp "$folder"/{first,the-second-one}/artifacts/bin/Demo.Gateway/release/"$name.dll"; then
    echo "$name.dll: the same from both folders"
  else
    different=1
  fi
done
exit "$different"
