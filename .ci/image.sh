#!/usr/bin/env bash
# The image as users get it: built without a network, run as its own user, asked for scores, looked at by `mlreg verify`.
#
#     .ci/image.sh BASE.tar WHEELHOUSE [HOME]
#
# BASE.tar is a root folder with Python 3.11 and venv, WHEELHOUSE a folder with every wheel; docs/serving/deploying.md says how
# both are made. HOME is one with a champion; without, the demo makes one in the container. Needs buildah, and root.
# Takes two minutes on two quiet cores with a HOME, and three at most (MLREG_IMAGE_SECONDS); ends with 1 when a step fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n-- %s\n' "$*"; }

base=$(realpath "$1") wheelhouse=$(realpath "$2") home=${3:+$(realpath "$3")}
scratch=$(mktemp -d)
mkdir "$scratch/tmp"
export TMPDIR=$scratch/tmp
driver=overlay
mkdir "$scratch"/{lower,upper,work,merged}
if mount -t overlay overlay -o "lowerdir=$scratch/lower,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/merged" 2>/dev/null; then
    umount "$scratch/merged"
else
    driver=vfs                   # which copies every layer: slow, and works everywhere
fi
limit=${MLREG_IMAGE_SECONDS:-180}  # of all steps together; a busy machine needs more
bud() {
    timeout --kill-after=10 $((limit > SECONDS ? limit - SECONDS : 1)) \
        buildah --root "$scratch/root" --runroot "$scratch/run" --storage-driver "$driver" "$@"
}
end() {
    limit=$((SECONDS + 60))
    bud rm --all >/dev/null 2>&1 || true
    bud rmi --all --force >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap end EXIT

say "the base, by $driver"
container=$(bud from scratch)
bud add --quiet "$container" "$base" / >/dev/null
bud commit --quiet --rm "$container" localhost/base:local >/dev/null

say "build it without an index"
bud bud --quiet --isolation chroot --pull-never --format docker --volume "$wheelhouse:/wheelhouse:ro" \
    --build-arg BASE=localhost/base:local --build-arg PIP_NO_INDEX=1 --build-arg PIP_FIND_LINKS=/wheelhouse \
    --file deploy/docker/Dockerfile --tag localhost/mlreg-dagster:local .

say "what it says of itself"
config=$(bud inspect --type image localhost/mlreg-dagster:local)
python3 - "$config" <<'END'
import json, sys
image = json.loads(sys.argv[1])["Docker"]["config"]
assert image["User"] == "10001:10001", image["User"]
assert "/healthz" in image["Healthcheck"]["Test"][-1]
assert set(image["ExposedPorts"]) == {"3000/tcp", "4000/tcp", "8808/tcp", "8809/tcp", "8810/tcp"}
assert not [each for each in image["Env"] if "PASSWORD" in each or "KEY" in each or "://" in each]
END

say "run it"
container=$(bud from --pull-never localhost/mlreg-dagster:local)
if [[ -n $home ]]; then
    bud add --quiet --chown 10001:10001 "$container" "$home" /var/lib/mlreg >/dev/null
fi
ports=$(python3 - <<'END'
import socket
taken = [socket.socket() for _ in range(3)]
for each in taken:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in taken))
END
)
# the container shares the loopback of this machine
bud run --isolation chroot "$container" -- sh -s -- $ports <.ci/in_image.sh

say "the image works"
