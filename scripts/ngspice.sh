#!/usr/bin/env bash
# Installs ngspice where this is root on Debian or Ubuntu, says how elsewhere. Continuous integration runs it; the tests
# of exported circuits fail there without ngspice.
set -u
say() { printf 'ngspice: %s\n' "$*" >&2; }
command -v ngspice >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq ngspice >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq ngspice; } >/dev/null 2>&1
    command -v ngspice >/dev/null 2>&1 && exit 0
    say "apt-get could not install it: check the network, or install the package ngspice by hand; its tests will fail."
    exit 1
fi
say "not installed, and this is not root with apt-get: run 'sudo apt-get install ngspice' or 'sudo dnf install ngspice'; its tests will fail."
exit 1
