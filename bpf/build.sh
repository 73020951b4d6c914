#!/usr/bin/env bash
# Builds verdict.bpf.o. Usage: bpf/build.sh [OUTPUT]     needs clang 19 (Debian: clang-19) and the kernel's headers (linux-libc-dev).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

output=${1:-verdict.bpf.o}
# No debug information: the object does not depend on where it is built, and the loader needs none.
"${CLANG:-clang-19}" --target=bpfel -mcpu=v3 -O2 -g0 -Wall -Wextra -Werror -I"/usr/include/$(uname -m)-linux-gnu" -c verdict.bpf.c -o "$output"
