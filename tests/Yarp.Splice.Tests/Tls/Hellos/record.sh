#!/usr/bin/env bash
# Records the files of this folder anew, each from the program that it is named after. Needs curl, openssl and chromium.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../../../.. && pwd)
dotnet build -c Release -v quiet --nologo "$root/tests/HelloRecorder" >/dev/null
recorder="$root/artifacts/bin/HelloRecorder/release/HelloRecorder"

record() {
  "$recorder" "$@"
}

record curl.bin curl -sk --resolve 'www.example.com:{PORT}:127.0.0.1' 'https://www.example.com:{PORT}/'
record curl-upper-case.bin curl -sk --resolve 'WWW.Example.COM:{PORT}:127.0.0.1' 'https://WWW.Example.COM:{PORT}/'
record curl-idn.bin curl -sk --resolve 'xn--bcher-kva.example:{PORT}:127.0.0.1' 'https://xn--bcher-kva.example:{PORT}/'
record curl-address.bin curl -sk 'https://127.0.0.1:{PORT}/'
record openssl.bin openssl s_client -connect '127.0.0.1:{PORT}' -servername www.example.com
record openssl-trailing-dot.bin openssl s_client -connect '127.0.0.1:{PORT}' -servername WWW.Example.com.
record openssl-no-name.bin openssl s_client -connect '127.0.0.1:{PORT}' -noservername
record openssl-tls12.bin openssl s_client -connect '127.0.0.1:{PORT}' -servername www.example.com -tls1_2 -alpn postgresql
record openssl-two-records.bin openssl s_client -connect '127.0.0.1:{PORT}' -servername www.example.com -max_send_frag 512 \
  -alpn "$(printf 'protocol-%02d,' {1..40})last"
record dotnet.bin SslStream www.example.com h2 http/1.1
record chromium.bin chromium --headless --no-sandbox --disable-gpu --disable-quic \
  --host-resolver-rules='MAP www.example.com 127.0.0.1,MAP * ~NOTFOUND' 'https://www.example.com:{PORT}/'
