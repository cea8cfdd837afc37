#!/bin/sh
# Runs an edge in the file system of the image, and every query of every dashboard against a Prometheus that scrapes a demo and
# edges with faults.
set -eu
cd "$(dirname "$0")/../.."
"${CARGO:-cargo}" build --quiet --bin homeward
tests/operations/image.sh target/debug/homeward
exec python3 tests/operations/dashboards.py target/debug/homeward
