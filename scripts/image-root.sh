#!/bin/sh
# Makes the whole file system of the image: the program, the libraries that it needs, the certificates that this machine
# believes, and a user. Nothing else: no shell, no package manager.
#
#   scripts/image-root.sh target/release/homeward DIRECTORY
set -eu

program=$1 root=$2
certificates=${CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}
mkdir -p "$root"
install -D -m 0755 "$program" "$root/usr/local/bin/homeward"
# Names are resolved by these, which the C library opens by itself.
libraries=$(ldd "$program" | grep -o '/[^ ]*')
directory=$(dirname "$(echo "$libraries" | grep -F libc.so.6)")
for library in $libraries "$directory/libnss_files.so.2" "$directory/libnss_dns.so.2" "$directory/libresolv.so.2"; do
    install -D -m 0755 "$library" "$root$library"
done
install -D -m 0644 "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
cp -R "$(dirname "$0")/../geoip" "$root/usr/share-geoip" && mkdir -p "$root/usr/share/homeward" &&
    mv "$root/usr/share-geoip" "$root/usr/share/homeward/geoip"
echo 'homeward:x:10001:10001::/var/lib/homeward:/nonexistent' >"$root/etc/passwd"
echo 'homeward:x:10001:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
install -d -m 0755 "$root/etc/homeward" "$root/proc" "$root/dev" "$root/sys"
install -d -m 1777 "$root/tmp"
install -d -m 0700 "$root/var/lib/homeward"
chown 10001:10001 "$root/var/lib/homeward"
