#!/usr/bin/env bash
# Real apps, whose session code nobody here wrote, behind edges that mint their session keys: installs what they need under
# target/apps, builds, and hands over to driver/main.js. Loopback only.
set -euo pipefail
cd "$(dirname "$0")/../.."

sources=$PWD/tests/apps
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
installed=$target/apps
cargo=${CARGO:-cargo}
mkdir -p "$installed"

# Whether what was installed is older than the list that it was installed from.
stale() { # list, the copy that says that all of it is there
    ! cmp -s "$1" "$2"
}

$cargo build
$cargo build --locked --manifest-path "$sources/axum/Cargo.toml" --target-dir "$target"

if stale "$sources/package-lock.json" "$installed/node_modules/installed-lock.json"; then
    cp "$sources/package.json" "$sources/package-lock.json" "$installed"
    timeout 300 npm ci --prefix "$installed" --no-audit --no-fund --ignore-scripts
    cp "$sources/package-lock.json" "$installed/node_modules/installed-lock.json"
fi
if stale "$sources/flask/requirements.txt" "$installed/venv/installed-requirements.txt"; then
    python3 -m venv --clear "$installed/venv"
    timeout 300 "$installed/venv/bin/pip" install --quiet --disable-pip-version-check -r "$sources/flask/requirements.txt"
    cp "$sources/flask/requirements.txt" "$installed/venv/installed-requirements.txt"
fi

export NODE_PATH=$installed/node_modules
export HOMEWARD=$target/debug/homeward
export AXUM_APP=$target/debug/homeward-axum-app
export PYTHON=$installed/venv/bin/python
export PLACES=$PWD/geoip/fixture.mmdb
CHROMIUM=$(command -v chromium)
export CHROMIUM
exec node "$sources/driver/main.js"
