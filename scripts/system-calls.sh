#!/bin/sh
# Checks that conf/systemd/homeward.service allows every system call that an edge makes: from its start, under requests over
# HTTP/1.1, HTTP/2 and TLS, through a reload, a hand-over and a stop. Needs strace, curl, openssl and systemd-analyze.
#
#   scripts/system-calls.sh [target/release/homeward]
set -eu

cd "$(dirname "$0")/.."
program=$(realpath "${1:-target/debug/homeward}")
unit=$PWD/conf/systemd/homeward.service
for needed in strace curl openssl systemd-analyze; do
    command -v "$needed" >/dev/null || { echo "system-calls.sh: needs $needed" >&2; exit 1; }
done
directory=$(mktemp -d)
traced='' app=''
finish() {
    for process in $traced $app; do kill -KILL "$process" 2>/dev/null || true; done
    rm -rf "$directory"
}
trap finish EXIT
trap 'exit 1' INT TERM

# All system calls of a set, with those of the sets inside it.
expand() {
    systemd-analyze syscall-filter "$1" | sed 's/#.*//' | tr -s ' \t' '\n' | grep -v "^$1\$" | while read -r name; do
        case $name in
        '') ;;
        @*) expand "$name" ;;
        *) echo "$name" ;;
        esac
    done
}

# What the unit allows: its lines in their order.
: >"$directory/allowed"
sed -n 's/^SystemCallFilter=//p' "$unit" | while read -r line; do
    for name in ${line#\~}; do
        case $name in
        @*) expand "$name" ;;
        *) echo "$name" ;;
        esac
    done | sort -u >"$directory/named"
    case $line in
    \~*) comm -23 "$directory/allowed" "$directory/named" ;;
    *) sort -u "$directory/allowed" "$directory/named" ;;
    esac >"$directory/next"
    mv "$directory/next" "$directory/allowed"
done

# What is written here is outside of the edge's directory: it watches that.
mkdir "$directory/edge"
cd "$directory/edge"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout key.pem -out cert.pem 2>/dev/null
cat >homeward.yaml <<END
version: 1
region: here
listen:
  - {address: "127.91.7.1:8080", http2: true}
  - {address: "127.91.7.1:8443", tls: {certificate: cert.pem, key: key.pem}}
routing: {file: routing.yaml}
admin: {address: "127.91.7.1:9901", socket: run/admin.sock}
state: run
access_log: {file: ../access.log}
stop: {grace: 2s}
handover: {grace: 2s}
END
cat >routing.yaml <<END
version: 1
regions: {here: {}}
homes: [{otherwise: here}]
services:
  portal: {hosts: [localhost], pools: {here: ["127.91.7.2:8080", "localhost:1"]}}
END
"$program" sample-app --region here --listen 127.91.7.2:8080 >../app.log 2>&1 &
app=$!
strace -f -qq -o ../trace "$program" run --config homeward.yaml >../edge.log 2>&1 &
traced=$!

ask() { curl -sS -o /dev/null --max-time 30 --noproxy '*' -H 'Host: localhost' "$@"; }
ready() {
    for _ in $(seq 200); do
        if [ "$(curl -s --noproxy '*' http://127.91.7.1:9901/readyz || true)" = ready ]; then return; fi
        sleep 0.1
    done
    cat ../edge.log >&2
    exit 1
}
load() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        ask http://127.91.7.1:8080/whoami
        ask http://127.91.7.1:8080/
        ask --http2-prior-knowledge http://127.91.7.1:8080/whoami
        ask -k --resolve localhost:8443:127.91.7.1 https://localhost:8443/whoami
    done
    head -c 3000000 /dev/zero | ask --data-binary @- http://127.91.7.1:8080/whoami
    curl -s -o /dev/null --noproxy '*' http://127.91.7.1:9901/metrics
    curl -s -o /dev/null --unix-socket run/admin.sock http://localhost/api/v1/status
}
ready
load
edge=$(pgrep -P "$traced" | head -n 1)
touch routing.yaml cert.pem
kill -HUP "$edge"
sleep 1
load
kill -QUIT "$edge"
for _ in $(seq 200); do grep -q 'serves from now on' ../edge.log && break; sleep 0.1; done
successor=$(sed -n 's/.*process \([0-9]*\) serves from now on.*/\1/p' ../edge.log)
ready
load
kill -TERM "$successor"
wait "$traced"
traced=''

cd ..
sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' trace | sort -u >called
forbidden=$(comm -13 allowed called)
echo "$(wc -l <trace) system calls of $(wc -l <called) kinds; the unit allows $(wc -l <allowed) kinds"
echo "called: $(tr '\n' ' ' <called)"
if [ -n "$forbidden" ]; then
    echo "system-calls.sh: the unit forbids: $(echo "$forbidden" | tr '\n' ' ')" >&2
    grep -E "^[0-9]* *($(echo "$forbidden" | paste -sd'|'))\(" trace | head -n 20 >&2
    exit 1
fi
echo "the unit allows all of them"
