# Runs inside of the image, as its user: serve, score, verify. Its arguments are three free ports.
set -eu
port=$1 admin=$2 ui=$3
say() { printf -- '-- %s\n' "$*"; }
server='' dagster=''
end() {
    [ -z "$server" ] || kill -TERM "$server" || true
    [ -z "$dagster" ] || { kill -TERM "-$dagster" && wait "$dagster"; } || true
}
trap end EXIT

# ready URL: wait until it answers 200, two minutes at most
ready() {
    python3 - "$1" <<'END'
import sys, time, urllib.request
for _ in range(240):
    try:
        urllib.request.urlopen(sys.argv[1], timeout=5)
        break
    except OSError:
        time.sleep(0.5)
else:
    sys.exit(f"{sys.argv[1]} does not answer")
END
}

say "no root, and nothing to write to but the home, the cache and places for scratch"
[ "$(id -u):$(id -g)" = 10001:10001 ]
written=$(find / -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o -type d -writable -print 2>/dev/null |
    grep -Ev '^(/var/lib/mlreg|/var/cache/mlreg|/tmp|/var/tmp|/run/lock|/var/lock)(/|$)' || true)
[ -z "$written" ] || { echo "$written"; exit 1; }

say "DuckDB loads its extensions from the image: no network, no installation"
python3 - <<'END'
import importlib, pathlib, duckdb
tables = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
for name in ("httpfs", "postgres_scanner", "ducklake"):
    folder = pathlib.Path(importlib.import_module(f"duckdb_extension_{name}").__path__[0])
    (file,) = folder.glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension")
    tables.execute(f"LOAD '{file}'")
    print(name, duckdb.__version__)
END
python3 -c "import dagster_k8s, dagster_postgres, psycopg2, s3fs"

[ -e /var/lib/mlreg/registry.sqlite ] || mlreg demo

say "mlreg doctor"
mlreg doctor

say "serve"
mlreg serve --port "$port" --admin-port "$admin" --open >/tmp/serve.log 2>&1 &
server=$!
ready "http://127.0.0.1:$admin/readyz" || { cat /tmp/serve.log; exit 1; }
python3 - "$port" <<'END'
import json, sys, urllib.request
at = f"http://127.0.0.1:{sys.argv[1]}"
model = json.load(urllib.request.urlopen(f"{at}/v2/models/champion", timeout=10))
names = [each["name"] for each in model["inputs"] if each["name"] not in ("instrument_id", "hour", "features")]
body = {"dataframe_split": {"columns": names, "data": [[None] * len(names)] * 20}}
asked = urllib.request.Request(f"{at}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"})
answer = json.load(urllib.request.urlopen(asked, timeout=10))
print(len(answer["predictions"]), "rows by", answer["model"])
assert len(answer["predictions"]) == 20
END
python3 -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:$admin/healthz', timeout=4)"
kill -TERM "$server"
wait "$server" || { echo "the server ended with $?"; cat /tmp/serve.log; exit 1; }
server=''
[ -n "$(find /var/lib/mlreg/served -name '*.jsonl')" ]

say "mlreg verify beside Dagster's web server"
# buildah ignores these signals, and what it starts inherits that
env --default-signal=INT,TERM setsid dagster dev --module-name mlreg_dagster.definitions --port "$ui" >/tmp/dev.log 2>&1 &
dagster=$!
ready "http://127.0.0.1:$ui/server_info" || { tail -50 /tmp/dev.log; exit 1; }
mlreg verify --url "http://127.0.0.1:$ui" || { tail -50 /tmp/dev.log; exit 1; }
