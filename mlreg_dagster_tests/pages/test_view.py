"""What a view says of the home that a request asks about."""

import pytest

from mlreg_dagster.config.places import TABLES
from mlreg_dagster_tests.pages.hour.builders import NOW, rendered, view_of

LAKE = "ducklake:postgresql://user@host/database#s3://bucket/folder"


@pytest.mark.parametrize(("named", "said"), [(None, False), ("", False), (LAKE, True)])
def test_a_page_says_that_a_lake_keeps_the_tables_where_one_does(tmp_path, monkeypatch, named, said):
    monkeypatch.delenv(TABLES, raising=False)
    if named is not None:
        monkeypatch.setenv(TABLES, named)
    view = view_of(tmp_path, {}, mirrored_at=NOW)
    assert view.is_in_lake == said
    shown = rendered("alerts", view)
    assert "Tables as written at" in shown
    assert ("in the lake that MLREG_TABLES names" in shown) == said
