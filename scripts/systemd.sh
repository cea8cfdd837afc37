#!/bin/sh
# Checks the units of conf/systemd: that systemd understands them, and how much of the machine an edge could reach (0 is
# nothing, 10 everything; systemd 252 counts).
set -eu

cd "$(dirname "$0")/.."
most=14 # tenths
if ! command -v systemd-analyze >/dev/null 2>&1; then
    echo "systemd.sh: systemd-analyze is missing: the units were not checked"
    exit 0
fi
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
# The program need not be installed where the unit is checked.
for unit in conf/systemd/*; do sed 's|/usr/local/bin/homeward|/bin/true|' "$unit" >"$directory/${unit##*/}"; done
said=$(cd "$directory" && systemd-analyze verify --man=no ./homeward.service ./homeward.socket 2>&1) || true
if [ -n "$said" ]; then
    echo "$said" >&2
    exit 1
fi
exposure=$(systemd-analyze security --offline=true --no-pager conf/systemd/homeward.service | tail -n 1)
echo "$exposure"
tenths=$(echo "$exposure" | sed -n 's/.*: \([0-9]*\)\.\([0-9]\) .*/\1\2/p')
if [ -z "$tenths" ] || [ "$tenths" -gt "$most" ]; then
    echo "systemd.sh: an edge can reach more than before; see systemd-analyze security --offline=true conf/systemd/homeward.service" >&2
    exit 1
fi
