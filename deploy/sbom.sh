#!/usr/bin/env bash
# Writes what a published gateway is made of, as a software bill of materials in CycloneDX 1.5 (JSON): its NuGet packages, and the .NET runtime if it was
# published with one, each with version, hash and licence. The same publication gives the same file.
# Usage: deploy/sbom.sh PUBLISHED     the folder of dotnet publish; the bill goes to standard output. Needs the package cache that it was published from.
set -euo pipefail

published=${1:?usage: deploy/sbom.sh PUBLISHED}
packages=${NUGET_PACKAGES:-$HOME/.nuget/packages}
dependencies=$published/Demo.Gateway.deps.json

if [ ! -r "$dependencies" ]; then
  echo "deploy/sbom.sh: $dependencies cannot be read; accepted is the folder of dotnet publish." >&2
  exit 2
fi

# A line for each library of the section "libraries": name, version, kind, SHA-512 in base64.
libraries() {
  awk '
    /^  "libraries": \{/ { inside = 1; next }
    inside && /^    "[^"]+\/[^"]+": \{/ { split($0, part, "\""); split(part[2], id, "/"); kind = hash = "" }
    inside && /^      "type": / { split($0, part, "\""); kind = part[4] }
    inside && /^      "sha512": / { split($0, part, "\""); hash = part[4]; sub(/^sha512-/, "", hash) }
    inside && /^    \}/ { print id[1], id[2], kind, (hash == "" ? "-" : hash) }
  ' "$dependencies"
}

# What the package itself says: an SPDX expression. Packages that name a file or nothing are an error, so that somebody looks.
licence() {
  local specification="$packages/$1/$2/$1.nuspec" expression
  expression=$(sed -n 's|.*<license type="expression">\(.*\)</license>.*|\1|p' "$specification")
  if [ -z "$expression" ]; then
    echo "deploy/sbom.sh: $specification names no SPDX licence; look at the package." >&2
    return 1
  fi
  echo "$expression"
}

component() {
  local name=$1 version=$2 kind=$3 hash=$4 expression
  # The runtime's files are a package of that name.
  name=${name#runtimepack.}
  printf '    {\n      "type": "library",\n      "name": "%s",\n      "version": "%s"' "$name" "$version"
  if [ "$kind" = reference ]; then
    # An assembly that the .NET SDK brings (Directory.Build.targets).
    printf ',\n      "supplier": { "name": "Microsoft (.NET SDK)" },\n      "licenses": [ { "expression": "MIT" } ]'
  else
    expression=$(licence "${name,,}" "$version")
    printf ',\n      "purl": "pkg:nuget/%s@%s",\n      "licenses": [ { "expression": "%s" } ]' "$name" "$version" "$expression"
  fi
  if [ "$hash" != - ]; then
    printf ',\n      "hashes": [ { "alg": "SHA-512", "content": "%s" } ]' "$(base64 -d <<<"$hash" | od -An -v -tx1 | tr -d ' \n')"
  fi
  printf '\n    }'
}

version=$(libraries | awk '$1 == "Demo.Gateway" { print $2 }')
printf '{\n  "bomFormat": "CycloneDX",\n  "specVersion": "1.5",\n  "version": 1,\n'
printf '  "metadata": { "component": { "type": "application", "name": "Demo.Gateway", "version": "%s", "licenses": [ { "expression": "MIT" } ] } },\n' "$version"
printf '  "components": [\n'
separator=
while read -r name version kind hash; do
  # Our own projects are the application.
  if [ "$kind" = project ]; then
    continue
  fi
  printf '%b' "$separator"
  component "$name" "$version" "$kind" "$hash"
  separator=',\n'
done < <(libraries)
printf '\n  ]\n}\n'
