#!/bin/sh
# Runs an edge and a sample app in the file system of the image, without Docker: as its user, its root read-only, no shell in
# it. Needs root, for a mount namespace.
#
#   tests/operations/image.sh target/debug/homeward
set -eu

cd "$(dirname "$0")/../.."
program=$(realpath "${1:-target/debug/homeward}")
if [ "${INSIDE:-}" != yes ]; then
    if ! unshare --mount --pid --fork true 2>/dev/null; then
        echo "image.sh: this machine lets nobody make a mount namespace: the image was not tried"
        exit 0
    fi
    exec env INSIDE=yes unshare --mount --pid --fork --kill-child "$0" "$program"
fi

directory=$(mktemp -d)
image=$directory/image
app='' edge=''
finish() {
    for process in $app $edge; do kill -KILL "$process" 2>/dev/null && wait "$process" 2>/dev/null || true; done
    umount -R "$image" 2>/dev/null || true
    rm -rf "$directory"
}
trap finish EXIT
scripts/image-root.sh "$program" "$image"
# What Docker puts there.
cp /etc/hosts /etc/resolv.conf "$image/etc/"
cat >"$image/etc/homeward/homeward.yaml" <<END
version: 1
region: here
listen: [{address: "127.91.8.1:8080"}]
geoip: {database: /usr/share/homeward/geoip/fixture.mmdb}
routing: {file: /etc/homeward/routing.yaml}
admin: {address: "127.91.8.1:9901", socket: /var/lib/homeward/homeward.sock}
state: /var/lib/homeward
stop: {grace: 1s}
END
cat >"$image/etc/homeward/routing.yaml" <<END
version: 1
regions: {here: {}}
homes: [{otherwise: here}]
services:
  portal: {hosts: ["*"], pools: {here: ["localhost:8091"]}}
END
mount --bind "$image" "$image"
mount -o remount,bind,ro "$image"
mount -t tmpfs -o size=16m,mode=0700,uid=10001,gid=10001 none "$image/var/lib/homeward"

become() { # as in `docker run`: the image's user, program and environment, and nothing of ours
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOMEWARD_CONFIG=/etc/homeward/homeward.yaml \
        chroot --userspec=10001:10001 "$image" /usr/local/bin/homeward "$@"
}
inside() { (become "$@"); }
[ ! -e "$image/bin/sh" ] || { echo "image.sh: there is a shell in it" >&2; exit 1; }
inside check
if inside healthcheck 2>/dev/null; then echo "image.sh: well before it runs" >&2; exit 1; fi
become sample-app --region here --listen 127.0.0.1:8091 >"$directory/app.log" 2>&1 &
app=$!
become run >"$directory/edge.log" 2>&1 &
edge=$!
tries=0
until [ "$(inside healthcheck 2>/dev/null)" = ready ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 150 ]; then cat "$directory/edge.log" >&2; exit 1; fi
    sleep 0.1
done
inside healthcheck --url http://127.0.0.1:8091/healthz
# Through the edge to a server that a name leads to.
inside healthcheck --url http://127.91.8.1:8080/whoami
if inside healthcheck --url http://127.91.8.1:8080/nowhere 2>/dev/null; then exit 1; fi
kill -TERM "$edge"
wait "$edge" || { echo "image.sh: it did not stop in order" >&2; cat "$directory/edge.log" >&2; exit 1; }
echo "the image: $(find "$image" -type f | wc -l) files, $(du -sh --apparent-size "$image" | cut -f1) with this program;" \
    "an edge and a sample app run in it, read-only, as 10001"
