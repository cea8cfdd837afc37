#!/bin/sh
# Fuzzes each target for so many seconds, one after the other. Needs a nightly toolchain and cargo-fuzz.
set -eu

seconds=${1:-60}
shift || true
cd "$(dirname "$0")/.."
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzz.sh: needs a nightly toolchain (rustup toolchain install nightly)" >&2
    exit 1
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "Installing cargo-fuzz ..."
    cargo install --locked --quiet cargo-fuzz
fi
for target in ${*:-$(cargo +nightly fuzz list)}; do
    echo "== $target, $seconds s"
    # What is found goes to the first directory; the seeds of the second are read alone.
    found="fuzz/target/found/$target"
    mkdir -p "$found"
    cargo +nightly fuzz run "$target" "$found" "fuzz/corpus/$target" -- -max_total_time="$seconds" -rss_limit_mb=4096 -print_final_stats=1
done
