"""The OpenAPI document says all that the server answers: schemathesis asks by it, soundly and otherwise."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlreg_dagster_tests.serving.running import LONG, Server
from mlreg_dagster_tests.waiting import PATIENCE_S

pytestmark = pytest.mark.slow

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)
"""All but those that a document can't know: which features a model has, and that unknown members are skipped."""

EXISTING = '[parameters]\n"path.name" = "champion"\n"path.version" = "v2"\n'


@pytest.mark.parametrize(
    ("settings", "phases"),
    [("", "examples,fuzzing"), (EXISTING, "examples,coverage,fuzzing")],
    ids=["any model", "a model that exists"],
)
def test_every_answer_is_documented_and_none_is_a_defect(
    patient: Server, tmp_path: Path, settings: str, phases: str
) -> None:
    """Bodies of every kind are for a model that exists: the others are refused by their name."""
    (tmp_path / "schemathesis.toml").write_text(settings)
    options = ["--checks", ",".join(CHECKS), "--phases", phases, "--seed", "16"]
    options += ["--max-examples", "100" if LONG else "5", "--request-timeout", str(PATIENCE_S), "--warnings", "off"]
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{patient.url}/openapi.json", *options]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=12 * PATIENCE_S)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    others = patient.get("/openapi.json").json()["paths"].keys() - {"/openapi.json"}  # which it reads before all else
    assert f"Tested: {len(others)}\n" in ran.stdout, ran.stdout[-2000:]
    assert patient.is_ready()
