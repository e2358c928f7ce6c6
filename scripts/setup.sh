#!/usr/bin/env bash
# Set up .venv with the tested versions. Needs no root; runs again in well under a second when nothing changed.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
VENV=.venv
STAMP=$VENV/femristor-setup.stamp
LOG=$VENV/femristor-setup.log
NEWEST_MINOR=14
say() { printf 'setup: %s\n' "$*" >&2; }

fingerprint() { { cat pyproject.toml constraints.txt; pwd -P; } | sha256sum | cut -d' ' -f1; }

# Up to date: the stamp of the last complete installation matches and its interpreter still runs.
if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ] && "$VENV/bin/python" -c '' 2>/dev/null; then
    exit 0
fi
# Two runs at once take turns; the second one then finds the stamp.
if command -v flock >/dev/null 2>&1; then
    exec 9<pyproject.toml
    flock 9
    [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$(fingerprint)" ] && "$VENV/bin/python" -c '' 2>/dev/null && exit 0
fi

missing=0
lack() { say "$*"; missing=1; }

check_machine() {
    local system machine glibc
    system=$(uname -s) machine=$(uname -m)
    if [ "$system" != Linux ] || [ "$machine" != x86_64 ]; then
        lack "This is $system on $machine, but the finite-element wheels exist for Linux on x86-64 only: use such a machine, container or virtual machine."
        return
    fi
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)
    if [ -z "$glibc" ]; then
        lack "The C library is not glibc, which the wheels need: use a distribution such as Debian 12, Ubuntu 22.04, RHEL 9 or newer."
    elif [ "$(printf '%s\n2.34\n' "$glibc" | sort -V | head -n1)" != 2.34 ]; then
        lack "glibc $glibc is too old, the wheels need 2.34: use Debian 12, Ubuntu 22.04, RHEL 9 or newer."
    fi
}

check_compiler() {
    local compiler=${CC:-}
    [ -z "$compiler" ] && for compiler in cc gcc; do command -v "$compiler" >/dev/null 2>&1 && break; done
    if ! printf 'int main(void){return 0;}' | $compiler -x c -o /dev/null - >/dev/null 2>&1; then
        lack "No working C compiler (tried '$compiler'; the forms are compiled when first used): install gcc with 'sudo apt-get install gcc libc6-dev' or 'sudo dnf install gcc', or set CC."
    fi
}

# Prints the real path of an interpreter that can be used, or the reason why not on standard error.
judge() {
    "$1" - "$NEWEST_MINOR" <<'PY' 2>&1
import os, sys
if sys.version_info < (3, 12):
    print("old", sys.executable, "%d.%d" % sys.version_info[:2]); sys.exit(1)
import importlib.util, platform, struct, sysconfig
name = "%s (%s)" % (sys.executable, platform.python_version())
if sys.version_info[:2] > (3, int(sys.argv[1])) or platform.python_implementation() != "CPython":
    print("no", "%s is a Python that the tested versions have no wheels for: install Python 3.12." % name); sys.exit(1)
if not getattr(sys, "_is_gil_enabled", lambda: True)() or struct.calcsize("P") != 8:
    print("no", "%s is not a usual 64-bit build: install Python 3.12." % name); sys.exit(1)
if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
    print("no", "%s cannot make virtual environments: sudo apt-get install python3-venv." % name); sys.exit(1)
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    print("no", "%s lacks its C headers (Python.h): sudo apt-get install python3-dev or sudo dnf install python3-devel." % name); sys.exit(1)
print("ok", sys.executable)
PY
}

candidates() {
    local name
    for name in python3.12 python3.13 python3.14 python3 python; do type -aP "$name" 2>/dev/null; done
    # shellcheck disable=SC2012
    ls -d "$HOME"/.pyenv/versions/3.*/bin/python3 2>/dev/null | sort -V
    if command -v uv >/dev/null 2>&1; then
        for name in 3.12 3.13 3.14; do uv python find --no-project "$name" 2>/dev/null; done
    fi
}

find_python() {
    local path verdict reasons='' newest=''
    PYTHON=''
    if [ -x "$VENV/bin/python" ] && verdict=$(judge "$VENV/bin/python"); then PYTHON=$VENV/bin/python; return; fi
    while IFS= read -r path; do
        if verdict=$(judge "$path"); then PYTHON=${verdict#ok }; return; fi
        case $verdict in
            no\ *) [ -z "$reasons" ] && reasons=${verdict#no } ;;
            old\ *) newest=$(printf '%s\n%s\n' "$newest" "${verdict##* }" | sort -V | tail -n1) ;;
        esac
    done < <(candidates | awk '!seen[$0]++')
    if command -v uv >/dev/null 2>&1; then
        say "no Python 3.12 or newer here; asking uv for one"
        path=$(uv python install --quiet 3.12 >/dev/null 2>&1 && uv python find --no-project 3.12 2>/dev/null)
        if [ -n "$path" ] && verdict=$(judge "$path"); then PYTHON=${verdict#ok }; return; fi
    fi
    if [ -n "$reasons" ]; then
        lack "$reasons"
    else
        lack "Python 3.12 or newer is needed (newest found: ${newest:-none}; looked in PATH, ~/.pyenv/versions, uv): install python3.12 with python3.12-venv and python3.12-dev from your distribution, or run 'pyenv install 3.12'."
    fi
}

check_libraries() {
    "${PYTHON:-python3}" - <<'PY'
import ctypes, sys
# what libgmsh of the wheel is linked to: library -> package of Debian and Ubuntu, package of Fedora and RHEL
NEEDED = {
    "libz.so.1": ("zlib1g", "zlib"), "libGLU.so.1": ("libglu1-mesa", "mesa-libGLU"), "libGL.so.1": ("libgl1", "mesa-libGL"),
    "libXrender.so.1": ("libxrender1", "libXrender"), "libXcursor.so.1": ("libxcursor1", "libXcursor"),
    "libXfixes.so.3": ("libxfixes3", "libXfixes"), "libXext.so.6": ("libxext6", "libXext"), "libXft.so.2": ("libxft2", "libXft"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig"), "libXinerama.so.1": ("libxinerama1", "libXinerama"),
    "libX11.so.6": ("libx11-6", "libX11"), "libstdc++.so.6": ("libstdc++6", "libstdc++"), "libgomp.so.1": ("libgomp1", "libgomp"),
}
def loads(name):
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
gone = [name for name in NEEDED if not loads(name)]
if gone:
    debian = " ".join(NEEDED[name][0] for name in gone)
    fedora = " ".join(NEEDED[name][1] for name in gone)
    print(f"setup: The mesher gmsh lacks the shared libraries {', '.join(gone)}: 'sudo apt-get install {debian}' or 'sudo dnf install {fedora}' (without root: ask the administrator, or put them on LD_LIBRARY_PATH).", file=sys.stderr)
    sys.exit(1)
PY
}

check_machine
check_compiler
find_python
if [ -n "$PYTHON" ]; then check_libraries || missing=1; fi
if [ "$missing" = 1 ]; then
    say "Nothing was installed; put the above right and run it again."
    exit 2
fi

install() {
    "$VENV/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
        --retries 5 --constraint constraints.txt "$@" >>"$LOG" 2>&1
}

fail() {
    say "$1"
    grep -E '^ *(ERROR|error)[:[:space:]]' "$LOG" 2>/dev/null | sed -E 's#https?://[^ ]*##g' | tail -n 5 | sed 's/^/setup:   /' >&2
    say "The full log is $LOG; check the network and the space on the disk (7 GB), then run it again."
    exit 2
}

if [ "$PYTHON" != "$VENV/bin/python" ]; then
    say "making $VENV with $PYTHON"
    if ! complaint=$("$PYTHON" -m venv --clear "$VENV" 2>&1); then
        say "Making $VENV with $PYTHON failed: $(printf '%s' "$complaint" | tail -n 1)"
        exit 2
    fi
fi
: >"$LOG"
say "installing the tested versions into $VENV (about 3 GB to fetch the first time, a few minutes)"
install --upgrade pip setuptools || fail "Installing pip and setuptools failed."
install --no-build-isolation --editable '.[dev]' || fail "Installing femristor and what it needs failed."
# A test oracle whose drawing library need not build here; without it one comparison is skipped.
install --no-deps badcrossbar pathvalidate || say "badcrossbar did not install: its comparison is skipped"
"$VENV/bin/python" -c 'import femristor.cli.main' 2>>"$LOG" || fail "The installed package cannot be imported."
fingerprint >"$STAMP"
say "done; '$VENV/bin/femristor doctor' reports on the environment"
