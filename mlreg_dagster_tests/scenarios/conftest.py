import json
import sys

import pytest

from mlreg_dagster import cli


@pytest.fixture
def verified(monkeypatch, capsys):
    """Call `mlreg verify`: its exit code, and state and sight of every finding."""

    def call(deployment):
        monkeypatch.setattr(sys, "argv", ["mlreg", "verify", "--json", "--url", deployment.client.url])
        with pytest.raises(SystemExit) as end:
            cli.main()
        findings = json.loads(capsys.readouterr().out)["findings"]
        return end.value.code or 0, {each["name"]: (each["state"], each["seen"]) for each in findings}

    return call
