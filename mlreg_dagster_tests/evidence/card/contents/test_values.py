"""What is measured for the contents of a card, held against figures that are computed here by other means."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlreg_dagster.core.hours import HOUR, day_key
from mlreg_dagster.datasets import freezing
from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.contents.contents import REGIMES
from mlreg_dagster.evidence.card.contents.episodes import caught_share, episodes_of
from mlreg_dagster.evidence.card.contents.regimes import hours_by_regime, regimes_of
from mlreg_dagster.evidence.card.contents.segments import THIRDS, segments_of
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.models.artifacts.sbom import SBOM
from mlreg_dagster_tests.evidence.cards import card_of, context_of, facts, section
from mlreg_dagster_tests.lifecycle import DATASET_DAY, END


@pytest.fixture
def more(champion):
    return champion[1].more


def test_regimes_are_thirds_of_the_stored_hours_by_median_volatility(champion):
    live = champion[0]
    found = regimes_of(live.warehouse)
    rows = live.warehouse.read(MARKET_SNAPSHOT)
    by_hour = rows.groupby("hour")["volatility_7d_pct"].median().dropna()
    assert len(found) == len(by_hour)
    lowest, highest = (by_hour[found == name] for name in (REGIMES[0], REGIMES[2]))
    middle = by_hour[found == REGIMES[1]]
    assert lowest.max() <= middle.min() <= middle.max() <= highest.min()
    assert max(len(lowest), len(middle), len(highest)) - min(len(lowest), len(middle), len(highest)) <= 1
    assert sum(hours_by_regime(found, pd.DatetimeIndex(by_hour.index)).values()) == len(by_hour)


def test_the_training_is_held_against_the_newest_week(champion, more):
    live, context = champion
    found = more.coverage
    assert found.last == END - HOUR
    training = freezing.load(live.artifacts, freezing.TRAINING, day_key(DATASET_DAY)).rows
    with live.warehouse.connect() as connection:
        now = connection.execute("SELECT * FROM market_features").df()  # the world is shorter than a week
    assert (found.rows, found.instruments_now) == (len(now), now["instrument_id"].nunique())
    assert found.unknown_now == sorted(set(now["instrument_id"]) - set(training["instrument_id"]))
    outside = np.zeros(len(now), dtype=bool)
    for name in context.version.manifest["features"]:
        values = now[name].to_numpy(dtype=float)
        least, most = training[name].min(), training[name].max()
        with np.errstate(invalid="ignore"):
            beyond = (values < least) | (values > most)
        assert found.outside_by_feature.get(name, 0.0) == pytest.approx(beyond.mean())
        outside |= beyond
    assert found.outside == outside.sum() > 0
    assert sum(found.hours_by_regime["training"].values()) == training["hour"].nunique()


def test_an_instrument_that_is_new_is_told(live):
    with live.warehouse.connect() as connection:
        connection.execute(
            "UPDATE market_features SET instrument_id = 'newcomer' WHERE instrument_id = "
            "(SELECT min(instrument_id) FROM market_features) AND hour = $hour",
            {"hour": END - HOUR},
        )
    found = context_of(live, "v2").more.coverage
    assert found.unknown_now == ["newcomer"]
    assert found.known_share == pytest.approx(1 - 1 / found.instruments_now)


@pytest.mark.parametrize(("segment", "column"), [("volume of 24 h", "volume_24h"), ("market cap", "market_cap")])
def test_segments_are_thirds_of_the_same_outcomes(champion, more, segment, column):
    live, context = champion
    rows = [each for each in more.segments if each["segment"] == segment]
    outcomes = context.outcomes[~context.outcomes["in_sample"] & (context.outcomes["outcome"] != "unresolved")]
    market = live.warehouse.read(MARKET_SNAPSHOT).rename(columns={"hour": "prediction_hour"})
    known = outcomes.merge(
        market[["prediction_hour", "instrument_id", column]], on=["prediction_hour", "instrument_id"]
    )
    known = known[known[column].notna()].sort_values(column)
    assert [each["part"] for each in rows] == list(THIRDS)
    assert sum(each["outcomes"] for each in rows) == len(known)
    assert np.ptp([each["outcomes"] for each in rows]) <= 2
    first = 0
    for each in rows:
        part = known.iloc[first : first + each["outcomes"]]
        first += each["outcomes"]
        crash, flag = part["outcome"] == "crash", part["is_anomaly"]
        assert (each["crashes"], each["flagged"]) == (crash.sum(), flag.sum())
        assert each["recall"] == (pytest.approx((crash & flag).sum() / crash.sum()) if crash.any() else None)
        assert each["false_alarm_rate"] == pytest.approx((~crash & flag).sum() / (~crash).sum())


def test_each_outcome_is_in_one_part_of_a_regime_and_of_quality(champion, more):
    outcomes = champion[1].outcomes
    judged = (~outcomes["in_sample"] & (outcomes["outcome"] != "unresolved")).sum()
    for segment in ("market regime", "quality"):
        assert sum(each["outcomes"] for each in more.segments if each["segment"] == segment) == judged


def test_segments_of_several_weeks_have_intervals(champion):
    live, context = champion
    weeks = pd.concat(
        context.outcomes.assign(
            hour=context.outcomes["hour"] + pd.Timedelta(weeks=week),
            prediction_hour=context.outcomes["prediction_hour"] + pd.Timedelta(weeks=week),
            is_anomaly=np.random.default_rng(week).random(len(context.outcomes)) < 0.3,
        )
        for week in range(8)
    )
    regimes = pd.Series(REGIMES[0], index=pd.DatetimeIndex(weeks["prediction_hour"].unique()))
    (row,) = [
        each
        for each in segments_of(weeks, "v2", live.warehouse, live.settings, regimes)
        if each["segment"] == "market regime"
    ]
    assert row["recall_low"] < row["recall"] < row["recall_high"]
    assert row["outcomes"] == 8 * (context.outcomes["outcome"] != "unresolved").sum()


def test_without_an_outcome_there_is_no_segment(champion):
    live, context = champion
    none = context.outcomes.iloc[:0]
    assert segments_of(none, "v2", live.warehouse, live.settings, regimes_of(live.warehouse)) == []
    assert episodes_of(none) == []
    assert caught_share([], live.settings.outcomes)["share"] is None


def _crash(instrument, hour, *, flagged, crossed=None, fall=None):
    begin = pd.Timestamp("2026-02-01", tz="UTC")
    return {
        "instrument_id": instrument,
        "prediction_hour": begin + hour * HOUR,
        "is_anomaly": flagged,
        "in_sample": False,
        "outcome": "crash",
        "crossed_at": pd.NaT if crossed is None else begin + crossed * HOUR,
        "fall_6h_pct": np.nan if fall is None else fall,
    }


def test_episodes_are_told_one_by_one():
    rows = [
        _crash("a", 0, flagged=False, crossed=9),
        _crash("a", 3, flagged=True, crossed=9, fall=-2.0),
        _crash("a", 5, flagged=True, crossed=9, fall=-8.0),
        _crash("a", 60, flagged=False),
        _crash("b", 4, flagged=True),
    ]
    outcomes = pd.DataFrame(rows)
    outcomes["crossed_at"] = pd.to_datetime(outcomes["crossed_at"], utc=True)
    missed, unknown, caught = episodes_of(outcomes)
    assert (missed["instrument_id"], missed["first_flag"], missed["lead_hours"]) == ("a", None, None)
    assert (unknown["instrument_id"], unknown["flagged"], unknown["lead_hours"]) == ("b", 1, None)
    assert (caught["crashes"], caught["flagged"], caught["lead_hours"], caught["fall_pct"]) == (3, 2, 6.0, -2.0)


def test_the_share_of_flagged_episodes_is_that_of_the_lead_times(champion, more):
    context = champion[1]
    shown = facts(make_card(context), "monitoring", "How early: ")
    assert facts(make_card(context), "monitoring", "Crash episodes that were flagged")["flagged"] == sum(
        each["first_flag"] is not None for each in more.episodes
    )
    assert shown[0]["value"] == np.median([each["lead_hours"] for each in more.episodes if each["lead_hours"]])


def test_the_change_log_names_what_differs_from_the_champion_that_was_replaced(champion, more):
    live = champion[0]
    before, now = (live.registry.version(name).manifest for name in ("v1", "v2"))
    assert (more.predecessor.version, more.predecessor.was_champion) == ("v1", True)
    changes = {(each["group"], each["what"]): (each["before"], each["now"]) for each in more.predecessor.changes}
    neighbours = tuple(each["settings"]["params"]["n_neighbors"] for each in (before, now))
    assert changes["settings", "settings.params.n_neighbors"] == neighbours
    assert changes["result", "threshold"] == (before["threshold"], now["threshold"])
    assert not [what for group, what in changes if group in ("features", "libraries", "data", "code")]
    assert any(group == "gates" for group, _ in changes)


def test_a_version_that_never_was_champion_is_told_against_the_one_before(champion):
    live = champion[0]
    assert (found := context_of(live, "v3").more.predecessor).version == "v2"
    assert not found.was_champion
    assert context_of(live, "v1").more.predecessor is None


def test_features_and_data_that_differ_are_in_the_change_log(live):
    version = live.train({"model": "model", "actor": "tester", "overrides": {"features": ["change_1h_pct", "is_gap"]}})
    rows = facts(card_of(live, version), "evaluation", "Changes against v3")
    (row,) = [each for each in rows if each["group"] == "features"]
    assert row["what"] == "4 removed, 1 added"
    assert row["now"] == "is_gap"


def test_the_bill_is_that_of_the_training_else_of_the_manifest(champion, more, monkeypatch):
    live, context = champion
    assert more.bill_is_of_training
    assert facts(make_card(context), "reproducibility", "Software bill")["of"] == "the process that trained it"
    store, read = live.artifacts, type(live.artifacts).read
    monkeypatch.setattr(
        type(store), "read", lambda *given: {name: each for name, each in read(*given).items() if name != SBOM}
    )
    earlier = context_of(live, "v2")
    assert not earlier.more.bill_is_of_training
    shown = facts(make_card(earlier), "reproducibility", "Software bill")
    assert shown["components"] == len(context.version.manifest["libraries"])


def test_every_fact_has_a_key_of_its_own(champion):
    card = make_card(champion[1])
    keys = {key for each in card.sections for key in section(card, each.key).by_key}
    wanted = {
        "written_purpose", "written_texts", "written_data", "written_care", "validation", "contacts_by_role",
        "hours_by_source", "gaps", "source_recorded", "representativeness", "regimes", "out_of_range", "changes",
        "segments", "false_alarms_by_segment", "episodes", "episodes_flagged", "monitoring_plan", "alert_routes",
        "open_alerts", "code_revision", "bill_of_materials", "licences",
    }  # fmt: skip
    assert wanted <= keys


def test_the_card_of_a_version_without_a_dataset_still_shows_the_rest(champion):
    context = champion[1]
    card = make_card(replace(context, more=replace(context.more, coverage=None)))
    assert "to hold its training against" in str(section(card, "lineage").facts)
