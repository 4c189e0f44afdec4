#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes .venv with the locked dependencies, and adds the system's programs that are missing. Safe to run again.
set -eu
cd "$(dirname "$0")/.."

# Programs that `make run` and `make test` call: command, Debian package.
needed='dig bind9-dnsutils
curl curl
unbound unbound
kdig knot-dnsutils
ip iproute2'
# Libraries that the panel's Qt loads (the last for a desktop), and letters to draw with.
needed="$needed
libEGL.so.1 libegl1
libGL.so.1 libgl1
libxkbcommon.so.0 libxkbcommon0
libfontconfig.so.1 libfontconfig1
libglib-2.0.so.0 libglib2.0-0
libgssapi_krb5.so.2 libgssapi-krb5-2
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-shape.so.0 libxcb-shape0
libxcb-cursor.so.0 libxcb-cursor0
/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf fonts-dejavu-core"
# And for `make bench`, which calls `setup.sh bench`.
compared='dnsperf dnsperf
dnsmasq dnsmasq-base
dnsdist dnsdist
zstd zstd'
[ "${1:-}" != bench ] || needed=$compared

# Where Debian keeps some of them, also for those who are not root.
PATH="$PATH:/usr/sbin:/sbin"

say() { printf 'filterd: %s\n' "$*" >&2; }

is_new_enough() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

find_python() {
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.14 python3 python \
        "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python; do
        [ -n "$candidate" ] || continue
        path=$(command -v "$candidate" 2>/dev/null) || continue
        if is_new_enough "$path"; then
            echo "$path"
            return 0
        fi
    done
    return 1
}

find_uv() {
    command -v uv 2>/dev/null && return 0
    # The system's Python is too old for us, but new enough to fetch uv, which fetches a Python.
    python3 -m venv .venv-uv >/dev/null 2>&1 && .venv-uv/bin/pip install -q uv >&2 || return 1
    echo "$PWD/.venv-uv/bin/uv"
}

make_venv() {
    if python=$(find_python); then
        say "using $($python -V 2>&1) ($python)"
        "$python" -m venv --clear .venv
    elif uv=$(find_uv); then
        say "no Python 3.12 or newer here: asking uv for one"
        "$uv" venv --clear --seed --python '>=3.12' .venv
    else
        say "needs Python 3.12 or newer; install it (https://www.python.org/downloads/) or uv, then run make again"
        exit 1
    fi
}

# Resolvers that tests start by themselves are no services of this machine.
keep_quiet() {
    command -v systemctl >/dev/null 2>&1 || return 0
    for service in unbound dnsdist; do
        case "$missing " in *" $service "*) systemctl disable -q --now "$service" >/dev/null 2>&1 || true ;; esac
    done
}

# A command, a library, or a file.
is_there() {
    case "$1" in
    /*) [ -e "$1" ] ;;
    lib*.so.*) ldconfig -p 2>/dev/null | grep -q "$1 " ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

install_programs() {
    missing=''
    while read -r program package; do
        is_there "$program" || missing="$missing $package"
    done <<EOF
$needed
EOF
    [ -n "$missing" ] || return 0
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        say "installing$missing"
        # shellcheck disable=SC2086 # a list of package names
        { apt-get install -y -qq $missing || { apt-get update -qq && apt-get install -y -qq $missing; }; } >/dev/null \
            || say "could not install$missing: some tests will be skipped"
        keep_quiet
    else
        say "please install:$missing (needed to try the filter and by some tests)"
    fi
}

[ -x .venv/bin/python ] && is_new_enough .venv/bin/python || make_venv
if ! cmp -s requirements.lock .venv/installed.lock; then
    say "installing the locked dependencies"
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
    cp requirements.lock .venv/installed.lock
fi
install_programs
