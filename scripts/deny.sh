#!/bin/sh
# Checks what is linked in against deny.toml. Installs cargo-deny where it is missing. Advisories are checked where their
# database can be reached.
set -eu

if ! cargo deny --version >/dev/null 2>&1; then
    echo "Installing cargo-deny (once; some minutes) ..."
    cargo install --locked --quiet cargo-deny
fi
cargo deny --log-level error check bans licenses sources
if timeout 60 cargo deny --log-level off fetch db >/dev/null 2>&1; then
    cargo deny --log-level error check --disable-fetch advisories
else
    echo "The database of advisories cannot be reached from here: advisories were not checked."
fi
