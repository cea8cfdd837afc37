#!/usr/bin/env bash
# The status page in a browser: an edge, three regions of apps that do as they are told, and Chromium. Installs what that needs
# under target/page, builds, and hands over to driver/main.js. Loopback only. Pictures of the page are in target/page/pictures.
set -euo pipefail
cd "$(dirname "$0")/../.."

sources=$PWD/tests/page
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
installed=$target/page
mkdir -p "$installed"

${CARGO:-cargo} build

if ! cmp -s "$sources/package-lock.json" "$installed/node_modules/installed-lock.json"; then
    cp "$sources/package.json" "$sources/package-lock.json" "$installed"
    timeout 300 npm ci --prefix "$installed" --no-audit --no-fund --ignore-scripts
    cp "$sources/package-lock.json" "$installed/node_modules/installed-lock.json"
fi

export NODE_PATH=$installed/node_modules
export HOMEWARD=$target/debug/homeward
export PICTURES=$installed/pictures
export PLACES=$PWD/geoip/fixture.mmdb
CHROMIUM=$(command -v chromium)
export CHROMIUM
exec node "$sources/driver/main.js"
