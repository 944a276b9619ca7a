#!/usr/bin/env bash
# The package as users get it: a wheel, installed into an environment of its own, in an empty folder.
#
#     .ci/wheel.sh dist/mlreg_dagster-*.whl
#
# Makes a project, runs the demo in it, looks at `dagster dev` with `mlreg verify`, and ends with 1 when a step fails or
# when anything was written into the installation. Where $memory names a folder, the project is made in it.
# `.ci/other_python.sh` is for further versions of Python.
set -euo pipefail
wheel=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n-- %s\n' "$*"; }

unset PYTHONPATH MLREG_HOME MLREG_CONFIG_DIR DAGSTER_HOME PYTHONDONTWRITEBYTECODE
repository=$PWD
scratch=$(mktemp -d)
server= empty=
end() {
    [[ -z $server ]] || { kill -TERM -- "-$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
    rm -rf "$scratch" "$empty"
}
trap end EXIT
empty=$(mktemp -d -p "${memory:-$scratch}")

# installed FOLDER: every file of the installation with its hash; byte code is left out
installed() {
    find "$1" -path '*/__pycache__' -prune -o -type f ! -name '*.pyc' ! -name '*.nbi' ! -name '*.nbc' -print0 | sort -z | xargs -0 sha256sum
}

say "install it, versions as pinned"
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -qq --no-compile --disable-pip-version-check -c "$repository/constraints.txt" "$wheel"
installed "$scratch/venv" >"$scratch/before"

cd "$empty"
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
[[ -z $(find "$empty" -mindepth 1 -maxdepth 1 ! -name shop) ]]

say "the extra mlflow: a mirror, a second sync that writes nothing, the champion's scores, a flipped bit that is put back"
pip install -qq --no-compile --disable-pip-version-check -c "$repository/constraints.txt" "$wheel[mlflow]"
mlreg mlflow sync
mlreg mlflow sync --check
python "$repository/.ci/mlflow_scores.py" "$PWD/.mlreg"
if mlreg mlflow sync; then exit 1; fi   # it lists what was changed
mlreg mlflow sync --check

say "the wheel works"
