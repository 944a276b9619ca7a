from mlreg_dagster.config import FeatureSettings
from mlreg_dagster.models.asset_metadata import feature_rows, numbers_of, verdict_text, versus_rows

VERSUS = {
    "left": "v2",
    "right": "v1",
    "average_precision": [0.6, 0.5],
    "anomaly_rate": [0.1, 0.2],
    "verdict": "not distinguishable",
    "reason": "difference +0.1.",
}


def test_a_version_stands_beside_the_champion():
    assert versus_rows(VERSUS) == [
        {"on the same rows": "average precision", "v2": 0.6, "v1": 0.5},
        {"on the same rows": "flagged share", "v2": 0.1, "v1": 0.2},
    ]
    assert verdict_text(VERSUS) == "v2 against v1: not distinguishable; difference +0.1."


def test_without_a_comparison_it_says_why():
    assert versus_rows({}) == []
    assert verdict_text({}) == "There was no other champion to compare with."
    assert verdict_text({"champion": "v1", "not_comparable": "other features."}) == "other features."


def test_what_could_not_be_measured_is_not_plotted():
    metrics = {"average_precision": None, "baseline_average_precision": 0.5, "anomaly_rate": 0.1}
    assert numbers_of(metrics) == {"baseline_average_precision": 0.5, "flagged_share": 0.1}


def test_features_are_told_with_their_meaning():
    rows = feature_rows(["price_gone", "change_1h_pct"], FeatureSettings())
    assert [row["feature"] for row in rows] == ["price_gone", "change_1h_pct"]
    assert rows[0]["meaning"] == "not computed today"
    assert len(rows[1]["meaning"]) > 10
