#!/bin/sh
# Makes what the containers of docker-compose.yml keep from each other: the hop key of the edges, the tokens and the
# certificate of their admin addresses, and the part of that for Prometheus. What is there is left alone.
set -eu
umask 077
edges=${1:-/keys} scraper=${2:-/scraper}

if [ ! -e "$edges/done" ]; then
    rm -f "$edges"/*.* "$scraper"/*
    homeward key generate --out "$edges/hop.key"
    operate=$(homeward key generate --kind token)
    read=$(homeward key generate --kind token --role read)
    printf '%s\n%s\n' "$operate" "$read" >"$edges/admin.tokens"
    printf '%s' "${read#read:}" >"$scraper/token"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 -subj "/CN=homeward" \
        -addext "subjectAltName=DNS:edge-us-east,DNS:edge-us-central,DNS:edge-us-west,DNS:localhost,IP:127.0.0.1" \
        -addext "extendedKeyUsage=serverAuth" -keyout "$edges/admin.key" -out "$edges/admin.pem"
    cp "$edges/admin.pem" "$scraper/ca.pem"
    touch "$edges/done"
fi
# The users that edges (Dockerfile) and Prometheus run as.
chown -R 10001:10001 "$edges"
chown -R 65534:65534 "$scraper"
