# What .ci/page_commands.py needs around the commands of a page: stop at the first failure and say where it was.
set -Eeuo pipefail
where=- server= pages=
log=$(mktemp)

say() { printf '%-28s $ %s\n' "$where" "$1"; }

write() { mkdir -p "$(dirname "$1")" && printf '%s' "$2" >"$1"; }

# Pages name port 3000, which one page at a time may have: others wait.
serve() {
    exec 9>"${TMPDIR:-/tmp}/mlreg-pages.lock"
    flock 9
    setsid env --default-signal=INT,TERM dagster dev >"$log" 2>&1 9>&- &
    server=$!
    for _ in $(seq 120); do
        if python -c 'from urllib.request import urlopen; urlopen("http://127.0.0.1:3000/server_info", timeout=5)' 2>/dev/null
        then return; fi
        kill -0 "$server" || { echo "dagster dev ended before it answered."; return 1; }
        sleep 1
    done
    echo "dagster dev did not answer within 120 s."
    return 1
}

# The registry pages, with a look at some of them.
show_pages() {
    setsid env --default-signal=INT,TERM mlreg pages >"$log" 2>&1 9>&- &
    pages=$!
    for _ in $(seq 60); do
        if python -c 'from urllib.request import urlopen
for path in ("", "models", "champions", "data", "cards", "overview.json"):
    urlopen(f"http://127.0.0.1:8810/{path}", timeout=60)' 2>>"$log"
        then return; fi
        kill -0 "$pages" || { echo "mlreg pages ended before it answered."; return 1; }
        sleep 1
    done
    echo "mlreg pages did not answer within 60 s."
    return 1
}

# Work that is stopped half way leaves hours to repair, which `mlreg doctor` would find on a later page.
runs_in_progress() {
    python - <<'END'
import json
import urllib.request

query = "{runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED, CANCELING]}) {... on Runs {results {id}}}}"
body = json.dumps({"query": query}).encode()
request = urllib.request.Request("http://127.0.0.1:3000/graphql", body, {"Content-Type": "application/json"})
print(len(json.load(urllib.request.urlopen(request, timeout=30))["data"]["runsOrError"]["results"]))
END
}

is_idle() { [ "$(runs_in_progress 2>/dev/null || echo 0)" = 0 ]; }

stop() {
    if [ -n "$pages" ]; then kill -TERM "$pages" || true; wait "$pages" || true; pages=; fi
    [ -n "$server" ] || return 0
    for _ in $(seq 120); do
        is_idle && mlreg doctor >/dev/null 2>&1 && is_idle && break  # again: a run may have begun while doctor looked
        sleep 5
    done
    kill -TERM -- "-$server" || true
    wait "$server" || true
    server=
    exec 9>&-
}

failed() {
    echo "FAILED at $where:"
    tail -c 3000 "$log"
}

trap failed ERR
trap 'stop; rm -f "$log"' EXIT
