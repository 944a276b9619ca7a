"""Addresses in the Dagster UI; that these forms lead there was seen in a browser with Dagster 1.13."""

import pytest

from mlreg_dagster.pages.dagster_links import asset_link, run_link


@pytest.mark.parametrize(
    ("asset", "partition", "path"),
    [
        ("predictions", None, "/assets/predictions"),
        ("ours/table", None, "/assets/ours/table"),
        (
            "predictions",
            "2026-01-05-23:00",
            "/assets/predictions?view=partitions&partition=2026-01-05-23%3A00",
        ),
        ("a?b", 'x"&y', "/assets/a%3Fb?view=partitions&partition=x%22%26y"),
    ],
)
def test_an_asset_and_its_partition(asset, partition, path):
    assert asset_link("http://127.0.0.1:3000/")(asset, partition) == f"http://127.0.0.1:3000{path}"
    assert asset_link(None)(asset, partition) is None


def test_a_run():
    assert run_link("http://host/dagster")("84eb5f6d") == "http://host/dagster/runs/84eb5f6d"
    assert run_link("http://host")("../x?y") == "http://host/runs/..%2Fx%3Fy"
    assert run_link(None)("84eb5f6d") is None
