#!/usr/bin/env bash
# The package as users get it: a wheel, installed into an environment of its own, in an empty folder.
#
#     .ci/wheel.sh
#
# Makes a project, runs the demo in it, looks at `dagster dev` with `mlreg verify`, and ends with 1 when a step fails or
# when anything was written into the installation. Then installs the wheel for the other Pythons that are there, and runs
# some of the tests in each of those environments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n-- %s\n' "$*"; }

unset PYTHONPATH MLREG_HOME MLREG_CONFIG_DIR DAGSTER_HOME PYTHONDONTWRITEBYTECODE
repository=$PWD
scratch=$(mktemp -d)
server=
end() {
    [[ -z $server ]] || { kill -TERM -- "-$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
    rm -rf "$scratch"
}
trap end EXIT

# install PYTHON FOLDER: the wheel in a new environment; versions as pinned
install() {
    "$1" -m venv "$2"
    "$2/bin/pip" install -qq --no-compile --disable-pip-version-check -c "$repository/constraints.txt" "$scratch"/dist/*.whl
}

# installed FOLDER: every file of the installation with its hash; byte code is left out
installed() {
    find "$1" -path '*/__pycache__' -prune -o -type f ! -name '*.pyc' ! -name '*.nbi' ! -name '*.nbc' -print0 | sort -z | xargs -0 sha256sum
}

say "build the wheel"
python3 -m venv "$scratch/build"
"$scratch/build/bin/pip" wheel -qq --no-deps --disable-pip-version-check --wheel-dir "$scratch/dist" .

say "install it"
install python3 "$scratch/venv"
installed "$scratch/venv" >"$scratch/before"

mkdir "$scratch/empty"
cd "$scratch/empty"
export PATH="$scratch/venv/bin:$PATH"

say "mlreg init shop && cd shop && mlreg demo && mlreg status"
mlreg init shop && cd shop && mlreg demo && mlreg status

say "an asset of the project, on the tables of the demo"
dagster asset materialize -f defs.py --select watchlist >"$scratch/watchlist.log" 2>&1 || { tail -50 "$scratch/watchlist.log"; exit 1; }

say "dagster dev, and mlreg verify beside it"
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
env --default-signal=INT,TERM setsid dagster dev --port "$port" >"$scratch/dev.log" 2>&1 &
server=$!
for _ in $(seq 120); do
    kill -0 "$server" 2>/dev/null || { tail -50 "$scratch/dev.log"; exit 1; }
    python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/server_info', timeout=5)" 2>/dev/null && break
    sleep 1
done
mlreg verify --url "http://127.0.0.1:$port" || { tail -50 "$scratch/dev.log"; exit 1; }
kill -TERM -- "-$server"
wait "$server" || true
server=

say "nothing was written into the installation"
installed "$scratch/venv" >"$scratch/after"
diff "$scratch/before" "$scratch/after"
[[ -z $(find "$scratch/empty" -mindepth 1 -maxdepth 1 ! -name shop) ]]

# python_of VERSION: an interpreter of that version that can make environments, on the path or from pyenv
python_of() {
    local found
    for found in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        "$found" -c 'import venv, ensurepip' 2>/dev/null && printf %s "$found" && return
    done
}

tried=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
# A subset, for all tests would take as long again for each version: what uses most of the standard library (files, SQLite,
# times, texts), and one run of the whole graph, on which the client and the outcomes are tested.
tests=(config core client extensions registry outcomes)

# test_on FOLDER: those tests of the repository, in the environment that the wheel was installed into
test_on() {
    "$1/bin/pip" install -qq --no-compile --disable-pip-version-check -c "$repository/constraints.txt" \
        pytest pytest-xdist hypothesis
    (cd "$repository" && PATH="$1/bin:$PATH" "$1/bin/python" -m pytest -q -n 2 --dist loadfile -p no:cacheprovider \
        -m "not slow" "${tests[@]/#/mlreg_dagster_tests/}")
}

for version in 3.11 3.12 3.13; do
    [[ $version == "$tried" ]] && continue
    other=$(python_of "$version") || { echo "NOTE: no Python $version here."; continue; }
    say "Python $version"
    install "$other" "$scratch/python$version"
    mkdir "$scratch/on$version"
    (cd "$scratch/on$version" && "$scratch/python$version/bin/mlreg" --version && "$scratch/python$version/bin/mlreg" env)
    test_on "$scratch/python$version"
    rm -rf "$scratch/python$version"
done

say "the wheel works"
