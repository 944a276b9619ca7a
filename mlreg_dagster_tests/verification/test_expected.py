from mlreg_dagster.config import load_settings
from mlreg_dagster.core import names
from mlreg_dagster.definitions import build_definitions
from mlreg_dagster.verification import expected


def test_it_expects_what_is_defined():
    settings = load_settings()
    goes_on = settings.ingest.model_copy(update={"end": None})
    repository = build_definitions(settings.model_copy(update={"ingest": goes_on})).get_repository_def()
    graph = repository.asset_graph
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == set(names.ASSETS)
    written_by_runs = {key.to_user_string() for key in graph.materializable_asset_keys}
    assert set(names.ASSETS) - written_by_runs == {"champion_model"}  # which the job `promote` writes
    assert {name for name in repository.job_names if not name.startswith("__")} == set(names.JOBS)
    assert {each.name for each in repository.schedule_defs} == set(names.SCHEDULES)
    assert {each.name for each in repository.sensor_defs} == set(names.SENSORS)
    instigators = [*repository.schedule_defs, *repository.sensor_defs]
    off = {each.name for each in instigators if each.default_status.value == "STOPPED"}
    assert off == set(expected.MAY_BE_OFF)
    assert {key.to_user_string() for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy} == set(
        expected.WITH_FRESHNESS
    )
