#!/bin/sh
# Runs an edge in the file system of the image, and every query of every dashboard against a Prometheus that scrapes a demo and
# edges with faults.
set -eu
cd "$(dirname "$0")/../.."
"${CARGO:-cargo}" build --quiet --bin homeward
homeward=${CARGO_TARGET_DIR:-target}/debug/homeward
tests/operations/image.sh "$homeward"
exec python3 tests/operations/dashboards.py "$homeward"
