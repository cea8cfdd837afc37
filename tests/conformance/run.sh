#!/usr/bin/env bash
# Suites that others wrote, and streams of our own making, against built edges: installs what they need under target/conformance,
# builds, and hands over to main.py. With names of suites, only those; without, docs/conformance.md gets the results. Loopback only.
set -euo pipefail
cd "$(dirname "$0")/../.."

sources=$PWD/tests/conformance
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
installed=$target/conformance
cargo=${CARGO:-cargo}
mkdir -p "$installed"

# Whether what was installed is older than the list that it was installed from.
stale() { # list, the copy that says that all of it is there
    ! cmp -s "$1" "$2"
}

$cargo build
$cargo build --locked --manifest-path "$sources/streams/Cargo.toml" --target-dir "$installed/streams"

if stale "$sources/package-lock.json" "$installed/node_modules/installed-lock.json"; then
    cp "$sources/package.json" "$sources/package-lock.json" "$installed"
    timeout 300 npm ci --prefix "$installed" --no-audit --no-fund --ignore-scripts
    cp "$sources/package-lock.json" "$installed/node_modules/installed-lock.json"
fi
if stale "$sources/requirements.txt" "$installed/venv/installed-requirements.txt"; then
    python3 -m venv --clear "$installed/venv"
    pip=("$installed/venv/bin/pip" --disable-pip-version-check --quiet)
    timeout 300 "${pip[@]}" install -r "$sources/requirements.txt"
    # The tests of gunicorn are in its source package alone.
    rm -rf "$installed/gunicorn"
    mkdir "$installed/gunicorn"
    gunicorn=$(grep '^gunicorn==' "$sources/requirements.txt")
    timeout 300 "${pip[@]}" download --no-deps --no-binary :all: --dest "$installed/gunicorn" "$gunicorn"
    tar -xzf "$installed"/gunicorn/gunicorn-*.tar.gz -C "$installed/gunicorn" --strip-components 1
    cp "$sources/requirements.txt" "$installed/venv/installed-requirements.txt"
fi

# Where cargo has put the crate with the graded requests; it is fetched and not built.
metadata() {
    $cargo metadata --locked --format-version 1 --manifest-path "$sources/streams/Cargo.toml"
}
find_guardian='import json, sys
packages = json.load(sys.stdin)["packages"]
print(next(each["manifest_path"] for each in packages if each["name"] == "http_desync_guardian"))'
GUARDIAN=$(dirname "$(metadata | python3 -c "$find_guardian")")

export GUARDIAN
export GUNICORN_TESTS=$installed/gunicorn/tests
export HOMEWARD=$target/debug/homeward
export INSTALLED=$installed
export NODE_PATH=$installed/node_modules
export STREAMS_PROGRAM=$installed/streams/debug/homeward-streams
exec "$installed/venv/bin/python" "$sources/main.py" "$@"
