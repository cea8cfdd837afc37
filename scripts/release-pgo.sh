#!/bin/sh
# Builds the release twice: first so that it counts which ways the code takes, under the loads of `make bench`, and then again with what
# that run has found (profile-guided optimisation). The same sources and the same features; it only takes longer to build.
set -eu

scripts/setup.sh pgo
out=$(realpath -m "${CARGO_TARGET_DIR:-target}")
CARGO=${CARGO:-cargo}
host=$(rustc -vV | sed -n 's/^host: //p')
llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')

# The counts are written by the LLVM that the compiler was built with, and only one that is as new reads them.
profdata=$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata
[ -x "$profdata" ] || profdata=/usr/lib/llvm-$llvm/bin/llvm-profdata

counts=$out/pgo/counts
rm -rf "$counts"
mkdir -p "$counts"
# With --target, what runs while it is built is not counted.
echo "Building what counts ..."
RUSTFLAGS="${RUSTFLAGS:-} -Cprofile-generate=$counts" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=0 \
    "$CARGO" build --release --bin homeward --target "$host" --target-dir "$out/pgo"
echo "Counting ..."
"$CARGO" bench --profile heavy --bench peers -- run plain whole logs sizes new tls http2 websocket rules hop \
    --quick --rounds 1 --seconds 1.5 --against none --homeward "homeward=$out/pgo/$host/release/homeward"
"$profdata" merge --output "$out/pgo/homeward.profdata" "$counts"/*.profraw
echo "Building the release ..."
RUSTFLAGS="${RUSTFLAGS:-} -Cprofile-use=$out/pgo/homeward.profdata" \
    "$CARGO" build --release --bin homeward --target "$host" --target-dir "$out/pgo-release"
echo "It is $out/pgo-release/$host/release/homeward"
