"""Hosts as namespaces: each has its network, mounts and host name, and a folder that no other host sees.

A host that can be lost has its processes in a namespace, too: killing the first one kills all, as power loss does.
Nothing has a name outside of the namespaces, so that nothing is left once their processes are gone.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from mlreg_dagster_tests.waiting import wait_for

NETWORK = "10.77.0"
_TOOLS = ("unshare", "nsenter", "ip", "mount")
_HOST = """
set -e
hostname "$1"
mkdir -p "$2/hosts/$1" "$2/here"
mount --bind "$2/hosts/$1" "$2/here"
mount -t tmpfs none "$2/hosts"
touch "$2/here/.is-up"
exec sleep infinity
"""
"""Its own folder is at one path on all hosts, and those of the others are hidden, as on machines of their own."""


@dataclass
class Host:
    """A host.

    Attributes:
        name: Its host name.
        address: In the network.
        pid: Its first process, seen from outside.
        outside: Its folder, as only the test sees it.
        here: The same folder, as the host sees it.
        can_be_lost: Whether its processes end with the first one.
    """

    name: str
    address: str
    pid: int
    outside: Path
    here: Path
    can_be_lost: bool
    started: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def enter(self) -> list[str]:
        """The beginning of a command that runs on the host."""
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-u", *(["-p"] if self.can_be_lost else [])]

    def start(
        self, command: Sequence[object], env: Mapping[str, str], log: IO[bytes] | int
    ) -> "subprocess.Popen[bytes]":
        """Start a program on it."""
        words = [*self.enter(), *map(str, command)]
        process = subprocess.Popen(words, env=dict(env), stdout=log, stderr=subprocess.STDOUT, cwd="/")
        self.started.append(process)
        return process

    def run(self, command: Sequence[object], env: Mapping[str, str] | None = None) -> str:
        """Run a program on it to its end; what it says."""
        words = [*self.enter(), *map(str, command)]
        done = subprocess.run(words, check=False, env=env, capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, f"{command} on {self.name}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def kill(self) -> None:
        """Lose it: all of its processes end at once."""
        assert self.can_be_lost
        os.kill(self.pid, 9)


class Hosts:
    """Makes hosts that reach each other alone; use `hosts`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.all = folder, dict[str, Host]()
        self._first: list[subprocess.Popen[bytes]] = []
        self._switch = self._namespaces(["-n"], ["sleep", "infinity"])
        self._in_switch("ip", "link", "add", "bridge", "type", "bridge")
        self._in_switch("ip", "link", "set", "bridge", "up")

    def add(self, name: str, *, can_be_lost: bool = False) -> Host:
        """One more host."""
        number = len(self.all) + 1
        address = f"{NETWORK}.{number}"
        ways = ["-n", "-m", "-u", *(["-p", "--mount-proc"] if can_be_lost else [])]
        pid = self._namespaces(ways, ["sh", "-c", _HOST, "sh", name, str(self.folder)])
        outside = self.folder / "hosts" / name
        wait_for((outside / ".is-up").exists)
        link = f"to{number}"
        self._in_switch("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        self._in_switch("ip", "link", "set", link, "master", "bridge", "up")
        host = self.all[name] = Host(name, address, pid, outside, self.folder / "here", can_be_lost)
        for command in (f"addr add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
            host.run(["ip", *command.split()])
        return host

    def end(self) -> None:
        """End all of them."""
        for host in self.all.values():
            for process in reversed(host.started):
                process.kill()
        for process in self._first:
            process.kill()
        for process in [*self._first, *(each for host in self.all.values() for each in host.started)]:
            process.wait()

    def _namespaces(self, ways: Sequence[str], command: Sequence[str]) -> int:
        words = ["unshare", *ways, "--fork", "--kill-child", *command]
        process = subprocess.Popen(words, stderr=subprocess.DEVNULL)  # it complains when a host is lost
        self._first.append(process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return int(wait_for(lambda: children.read_text().split()[:1])[0])

    def _in_switch(self, *command: str) -> None:
        subprocess.run(["nsenter", "-t", str(self._switch), "-n", *command], check=True, capture_output=True)


@contextmanager
def hosts(folder: Path) -> Iterator[Hosts]:
    """Hosts for as long as the block runs; skips where there can be none."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("hosts as namespaces need root on Linux")
    if lacking := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"hosts as namespaces need {', '.join(lacking)}")
    tried = subprocess.run(["unshare", "-n", "-m", "-u", "-p", "--fork", "--mount-proc", "true"], capture_output=True)
    if tried.returncode:
        pytest.skip("this system makes no namespaces")
    made = Hosts(folder)
    try:
        yield made
    finally:
        made.end()
