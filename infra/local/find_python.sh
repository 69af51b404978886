#!/bin/sh
# Prints the Python that everything here is set up with, or one line on stderr that says what to install.
#
# A candidate counts only when it really starts: version managers leave shims on the PATH that fail. 3.12 comes last
# because pocketsphinx, the embedded recogniser, has no wheel for it and must be compiled. PYTHON=... overrides the search.

probe='import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2], sys.executable)'
reserve='' bare=''

for candidate in ${PYTHON:-python3.13 python3.11 python3 python3.12}; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $version in 3.11 | 3.12 | 3.13) ;; *) continue ;; esac
    found=$("$candidate" -c "$probe" 2>/dev/null) || { bare=$candidate; continue; }
    case $version in
    3.12) reserve=${reserve:-${found#* }} ;;
    *) echo "${found#* }"; exit 0 ;;
    esac
done

if [ -n "$reserve" ]; then
    if ! command -v cc >/dev/null 2>&1 && ! command -v gcc >/dev/null 2>&1; then
        echo "antiphon: only Python 3.12 was found, and there one package must be compiled: install Python 3.11 or 3.13, or a C compiler (Debian, Ubuntu: apt install build-essential python3-dev)." >&2
        exit 1
    fi
    echo "$reserve"
    exit 0
fi
if [ -n "$bare" ]; then
    echo "antiphon: $bare has no venv module: install it (Debian, Ubuntu: apt install python3-venv) and try again." >&2
    exit 1
fi
echo "antiphon: no Python 3.11, 3.12 or 3.13 was found: install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13) or name it with PYTHON=/path/to/python3." >&2
exit 1
