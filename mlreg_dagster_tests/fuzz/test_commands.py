"""Whatever is typed behind `mlreg`: a result, a usage error, or a message; never a traceback."""

import contextlib
import io
import os
import shutil
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlreg_dagster import cli
from mlreg_dagster_tests.fuzz.profile import PATIENCE_S, cases, counted, patience
from mlreg_dagster_tests.lifecycle import write_configs

pytestmark = pytest.mark.slow

WORDS = """v0 v1 v9 v99999999999999999999 latest latest-1 latest--1 latest-99 champion nobody
2026-01-01 2026-01-01T00:00 0001-01-01T00:00+14:00 9999-12-31T23:59:59 10000-01-01 NaT 10:00
a=b a=[ = a.b.c=1 a=&x[*x] seed=1e400 params=1 seed=1 params.=2 -1 0 -5 1e400 nan 99999999999999999999 ٣
daily never better model model_lof ../../etc/passwd /dev/null file:///etc/passwd http://[::1 http://127.0.0.1:9/
http://127.0.0.1:99999 -- - [/red] {x} %s%n"""
OTHERS = ["", " ", "\udcff", "\x1b[31m", "💥" * 300, "x" * 20_000, "a\nb", "seed=" + "9" * 5000]
ODD = [*WORDS.split(), *OTHERS]
odd_texts = st.sampled_from(ODD) | st.text(st.characters(blacklist_characters="\x00"), max_size=12)
OPTIONS: dict[str, list[str]] = {
    "env": [], "status": [], "doctor": [], "prune": ["--dry-run"],
    "replay": ["--from", "--to", "--retrain", "--policy", "--model"],
    "train": ["--model", "--dataset", "--set", "--actor"],
    "evaluate": ["", "--holdout", "--set", "--actor"],
    "evaluations": [""],
    "promote": ["", "--reason", "--alias", "--actor", "--effective-at", "--expected"],
    "rollback": ["", "--reason", "--alias", "--actor", "--effective-at"],
    "champion": ["--as-of", "--alias"],
    "rollout": ["", "", "--reason", "--alias", "--actor", "--expected"],
    "suspend": ["", "--reason", "--actor"],
    "resume": ["", "--reason", "--actor"],
    "compare": ["", "", "--holdout"],
    "verify": ["--url"],
    "history": [""],
    "approve": ["", "--reason", "--actor"],
    "reject": ["", "--reason", "--actor"],
    "waive": ["", "--reason", "--rule", "--until", "--actor"],
    "audit": ["", "--out", "--file", "--head", "--against", "--key", "--table", "--from", "--to"],
    "people": ["", "", "--name", "--contact", "--role", "--public-key", "--reason", "--actor"],
    "branch": ["", "", "--reason", "--from", "--to", "--confirm", "--actor"],
    "bundle": ["", "--out"],
    "report": ["--from", "--to", "--by", "--out"],
}  # fmt: skip
NEEDED = {
    "replay": ["--from", "2026-01-05", "--to", "2026-01-04"], "promote": ["v1", "--reason", "a fuzz"],
    "train": ["--model", "none"], "evaluate": ["v7"], "rollback": ["--reason", "a fuzz"], "compare": ["v1", "v7"],
    "verify": ["--url", "http://127.0.0.1:9"],
    "approve": ["v1", "--reason", "a fuzz"], "reject": ["v1", "--reason", "a fuzz"], "audit": ["verify"],
    "waive": ["v1", "--reason", "a fuzz", "--rule", "score_gap", "--until", "2026-02-01"],
    "branch": ["delete", "none", "--reason", "a fuzz"], "people": ["add", "--name", "fuzz"],
    "rollout": ["start", "v9", "--reason", "a fuzz"],
    "suspend": ["champion", "--reason", "a fuzz"], "resume": ["champion", "--reason", "a fuzz"],
    "bundle": ["v9", "--out", "bundle"], "report": ["--out", "report"],
}  # fmt: skip
"""So that a case gets past the parser; nothing of it succeeds in work that takes long."""


@pytest.fixture(scope="module")
def typed(trained_home, made_dagster_home, tmp_path_factory):
    """Call the command as its entry point does, on a home with three versions."""
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(trained_home, folder / "home")
    shutil.copytree(made_dagster_home, folder / "dagster")
    environment = {
        "MLREG_HOME": str(folder / "home"), "DAGSTER_HOME": str(folder / "dagster"), "MLREG_ACTOR": "fuzz",
        "MLREG_CONFIG_DIR": str(write_configs(folder / "configs")),
    }  # fmt: skip

    def call(*arguments):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["mlreg", *arguments])
            patch.setattr(
                cli.console, "_file", io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
            )  # `file` is never unset
            out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace") for _ in range(2))
            code = 0
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), patience(PATIENCE_S * 2):
                try:
                    cli.main()
                except SystemExit as stop:
                    code = stop.code or 0
            err.flush()
            return code, err.buffer.getvalue().decode()

    return call


@st.composite
def lines(draw):
    command = draw(st.sampled_from(sorted(OPTIONS)))
    arguments = list(NEEDED.get(command, []))
    for _ in range(draw(st.integers(1, 3))):
        how = draw(st.sampled_from(["option", "option", "option", "replace", "append", "remove"]))
        if how == "option" and OPTIONS[command]:
            option = draw(st.sampled_from(OPTIONS[command]))
            arguments += [option, draw(odd_texts)] if option else [draw(odd_texts)]
        elif how == "replace" and arguments:
            arguments[draw(st.integers(0, len(arguments) - 1))] = draw(odd_texts)
        elif how == "append":
            arguments.insert(draw(st.integers(0, len(arguments))), draw(odd_texts))
        elif arguments:
            del arguments[draw(st.integers(0, len(arguments) - 1))]
    return [command, *arguments]


@given(lines())
@example(["champion", "--as-of", "0001-01-01T00:00+14:00"])  # in UTC, the year 0
@cases(25, 500)
def test_commands(typed, arguments) -> None:
    code, said = typed(*arguments)
    tally = counted.setdefault("commands", [0, 0])
    tally[code != 0] += 1
    assert code in (0, 1, 2), code
    if code:
        assert said.strip() or arguments[0] in ("doctor", "verify", "evaluate"), arguments
    assert "Traceback" not in said.rpartition("mlreg:")[2], said
    assert os.environ.get("MLREG_ACTOR") != "fuzz"
