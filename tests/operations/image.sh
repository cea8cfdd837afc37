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
# What the service `keys` of docker-compose.yml makes, twice: the second time all of it is there.
mkdir "$directory/bin" "$image/keys" "$directory/scraper"
ln -s "$program" "$directory/bin/homeward"
for _ in 1 2; do
    PATH=$directory/bin:$PATH conf/compose/keys.sh "$image/keys" "$directory/scraper" >"$directory/keys.log" 2>&1 ||
        { cat "$directory/keys.log" >&2; exit 1; }
done
# The settings of docker-compose.yml, at addresses that nobody else has.
sed -e 's/0\.0\.0\.0:/127.91.8.1:/' conf/compose/homeward.yaml >"$image/etc/homeward/homeward.yaml"
echo 'region: here' >>"$image/etc/homeward/homeward.yaml"
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
# As Prometheus of docker-compose.yml scrapes it. (From this machine no token would do too, but a wrong one does not.)
scrape() {
    curl -sS --noproxy '*' --cacert "$directory/scraper/ca.pem" --resolve edge-us-east:9901:127.91.8.1 \
        "$@" https://edge-us-east:9901/metrics
}
scrape -H "Authorization: Bearer $(cat "$directory/scraper/token")" | grep -q '^homeward_ready 1$'
if scrape -H 'Authorization: Bearer homeward_wrong' | grep -q '^homeward_ready'; then
    echo "image.sh: metrics for a wrong token" >&2
    exit 1
fi
if inside healthcheck --url http://127.91.8.1:8080/nowhere 2>/dev/null; then exit 1; fi
kill -TERM "$edge"
wait "$edge" || { echo "image.sh: it did not stop in order" >&2; cat "$directory/edge.log" >&2; exit 1; }
echo "the image: $(find "$image" -type f | wc -l) files, $(du -sh --apparent-size "$image" | cut -f1) with this program;" \
    "an edge and a sample app run in it, read-only, as 10001"
