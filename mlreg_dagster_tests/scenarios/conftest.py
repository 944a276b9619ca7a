import re
import sys

import pytest

from mlreg_dagster import cli


@pytest.fixture
def verified(monkeypatch, capsys):
    """Call `mlreg verify`: its exit code, and state and sight of every finding."""

    def call(deployment):
        monkeypatch.setattr(cli.console, "width", 400)
        monkeypatch.setattr(sys, "argv", ["mlreg", "verify", "--url", deployment.client.url])
        with pytest.raises(SystemExit) as end:
            cli.main()
        rows = re.findall(r"^ *(ok|waiting|MISS) {2,}(\S.*?) {2,}(\S.*?) {2,}", capsys.readouterr().out, re.MULTILINE)
        return end.value.code or 0, {name: (state, seen) for state, name, seen in rows}

    return call
