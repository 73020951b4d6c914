#!/usr/bin/env bash
# Builds the gateway's container image without any image registry: a Debian base made by debootstrap, and this machine's .NET SDK for the build.
# For machines that reach Debian's packages and no images; everybody else: docker build -f deploy/Containerfile .
# Usage: deploy/debian-image.sh [TAG]     as root; TAG defaults to localhost/gateway.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tag=${1:-localhost/gateway}
base=localhost/gateway-base
suite=bookworm

if [ "$(id -u)" -ne 0 ]; then
  echo "deploy/debian-image.sh: needs root, for debootstrap and chroot." >&2
  exit 1
fi
for program in debootstrap buildah dotnet; do
  if ! command -v "$program" >/dev/null; then
    echo "deploy/debian-image.sh: $program is missing; on Debian: apt-get install $program" >&2
    exit 1
  fi
done

if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  # Where this machine's own packages come from.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $suite" 'Component: main' | head -n 1)
  debootstrap --variant=minbase --include=ca-certificates,libicu72,libssl3,libcap2-bin "$suite" "$root" ${mirror:+"$mirror"} >/dev/null
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  # Where the SDK of this machine appears during the build.
  ln -s /usr/share/dotnet/dotnet "$root/usr/bin/dotnet"
  container=$(buildah from scratch)
  buildah add -q "$container" "$root" / >/dev/null
  buildah commit -q --rm "$container" "$base" >/dev/null
fi

sdk=$(dirname "$(readlink -f "$(command -v dotnet)")")
mkdir -p "$HOME/.nuget"
# The build sees this machine's SDK, its packages, and the certificates that it trusts.
if ! output=$(buildah bud --isolation chroot --format docker -f deploy/Containerfile -t "$tag" --build-arg SDK_IMAGE="$base" --build-arg RUNTIME_IMAGE="$base" \
  -v "$sdk:/usr/share/dotnet:ro" -v "$HOME/.nuget:/root/.nuget" -v /etc/ssl/certs:/etc/ssl/certs:ro . 2>&1); then
  echo "$output" >&2
  exit 1
fi
echo "$tag"
