#!/bin/sh
# Runs every query of every dashboard against a Prometheus that scrapes a demo and two edges with faults.
set -eu
cd "$(dirname "$0")/../.."
"${CARGO:-cargo}" build --quiet --bin homeward
exec python3 tests/operations/dashboards.py target/debug/homeward
