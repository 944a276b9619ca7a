#!/usr/bin/env bash
# The wheel on a further version of Python: installed as pinned into an environment of its own, in which its commands start and
# some of the tests run.
#
#     .ci/other_python.sh 3.13 dist/mlreg_dagster-*.whl
#
# Looks for an interpreter on the path and in pyenv. Where there is none, or the version is that of `python3`, which all
# tests ran with, it says so and ends with 0.
set -euo pipefail
version=$1 wheel=$(realpath "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

unset PYTHONPATH MLREG_HOME MLREG_CONFIG_DIR DAGSTER_HOME PYTHONDONTWRITEBYTECODE
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A subset, for all tests would take as long again for each version: what uses most of the standard library (files, SQLite,
# times, texts), and one run of the whole graph, on which the client and the outcomes are tested.
tests=(config core client extensions registry outcomes)

# python_of VERSION: an interpreter of that version that can make environments
python_of() {
    local found
    for found in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        "$found" -c 'import venv, ensurepip' 2>/dev/null && printf %s "$found" && return
    done
}

[[ $(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])') != "$version" ]] || { echo "NOTE: it is that of python3."; exit 0; }
python=$(python_of "$version") || { echo "NOTE: no Python $version here."; exit 0; }
"$python" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -qq --no-compile --disable-pip-version-check -c constraints.txt "$wheel" pytest hypothesis

mkdir "$scratch/empty"
(cd "$scratch/empty" && "$scratch/venv/bin/mlreg" --version && "$scratch/venv/bin/mlreg" env)
PATH="$scratch/venv/bin:$PATH" "$scratch/venv/bin/python" -m pytest -q -p no:cacheprovider -m "not slow" \
    "${tests[@]/#/mlreg_dagster_tests/}"
