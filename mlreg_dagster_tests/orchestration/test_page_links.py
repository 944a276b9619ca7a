"""Assets and materializations lead to their pages where pages.yaml names these; nothing changes where it does not."""

import dagster as dg
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.config import PagesSettings, load_settings
from mlreg_dagster.config.places import branch_file
from mlreg_dagster.definitions import build_definitions
from mlreg_dagster.orchestration.page_links import OF_PARTITION, PAGE
from mlreg_dagster_tests.lifecycle import MARKET_HOURS

URL = "http://pages.example.org/mlreg"


def links_of(home, url=URL):
    settings = load_settings().model_copy(update={"pages": PagesSettings(url=url)})
    specs = build_definitions(settings, home).resolve_all_asset_specs()
    return {spec.key.to_user_string(): {**spec.metadata} for spec in specs}


@pytest.mark.parametrize(
    ("asset", "page", "of_partition"),
    [
        ("champion_model", "/champions", None),
        ("evaluated_model", "/models", "/versions/{partition}"),
        ("delivery_bundle", "/models", "/versions/{partition}"),
        ("predictions", "/cards/predictions", "/hours/{partition}"),
        ("training_dataset", "/cards/training_dataset", None),
        ("feature_drift", "/drift", None),
    ],
)
def test_an_asset_leads_to_its_page(tmp_path, asset, page, of_partition):
    metadata = links_of(tmp_path)[asset]
    assert metadata[PAGE] == dg.MetadataValue.url(URL + page)
    assert metadata.get(OF_PARTITION) == (None if of_partition is None else URL + of_partition)


def test_every_asset_has_a_page_and_none_where_no_url_is_named(tmp_path):
    assert all(PAGE in metadata for metadata in links_of(tmp_path).values())
    assert not any({PAGE, OF_PARTITION} & metadata.keys() for metadata in links_of(tmp_path, None).values())


def test_in_a_branch_they_lead_to_pages_of_the_branch(tmp_path):
    home = tmp_path / "trial-2"
    home.mkdir()
    branch_file(home).write_text("{}")
    metadata = links_of(home)["evaluated_model"]
    assert metadata[PAGE].url == f"{URL}/models?branch=trial-2"
    assert metadata[OF_PARTITION] == f"{URL}/versions/{{partition}}?branch=trial-2"


def link_in(world, asset):
    [newest] = world.instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
    link = newest.asset_materialization.metadata.get(PAGE)
    return None if link is None else link.url


def test_the_last_hour_of_a_range_leads_to_its_page(make_world, trained_home):
    world = make_world(trained_home, configs={"pages": {"url": URL}})
    world.run_hours(jobs.MARKET, MARKET_HOURS[-2:])
    assert link_in(world, "market_snapshot") == f"{URL}/hours/2026-01-06-23:00"
    assert link_in(world, "market_features") == f"{URL}/hours/2026-01-06-23:00"
