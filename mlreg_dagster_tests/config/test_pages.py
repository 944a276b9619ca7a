"""Where pages and the Dagster UI are found: addresses that anyone may see."""

import pytest

from mlreg_dagster.config import ConfigError, PagesSettings, load_settings
from mlreg_dagster_tests.config.files import load_file


@pytest.mark.parametrize("url", ["http://127.0.0.1:8810", "https://pages.example.org/mlreg", "http://[::1]:8810"])
def test_an_address_is_taken(configs, url):
    for name in ("url", "dagster_url"):
        assert getattr(load_file(configs, "pages.yaml", f"{name}: {url}/").pages, name) == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://host",
        "//host",
        "host:3000",
        "http://",
        "http://host:port",
        "http://[::1",
        "http://anna:hunter2@host",
        "http://host/?token=hunter2",
        "http://host/#hunter2",
        'http://host/"onload="hunter2',
        "http://host/ hunter2",
    ],
)
def test_what_is_no_address_or_holds_a_secret_is_refused_and_not_shown(configs, url):
    with pytest.raises(ConfigError, match=r"pages\.yaml: (dagster_)?url: must") as refused:
        load_file(configs, "pages.yaml", f"dagster_url: '{url}'")
    assert "hunter2" not in str(refused.value)


def test_there_are_none_unless_they_are_named():
    assert load_settings().pages == PagesSettings() == PagesSettings(url=None, dagster_url=None)
