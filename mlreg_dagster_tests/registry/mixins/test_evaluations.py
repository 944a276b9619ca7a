"""What evaluations keep, and what is none."""

import json

import pytest
import sqlalchemy as sa

from mlreg_dagster.registry import Attribution, GateResult, InvalidRecord
from mlreg_dagster_tests.registry.builders import BAD, GOOD, NOW, evaluate, register, sha


class TestEvaluations:
    def test_an_evaluation_comes_back_as_it_was_recorded(self, registry):
        uncomputed = GateResult("silhouette", False, None, "at least 0", "one cluster only")
        written = evaluate(registry, "v1", GOOD, uncomputed)
        read = registry.latest_evaluation("v1")
        assert read == written
        assert read.gates == (GOOD, uncomputed)
        assert read.metrics == {"silhouette": 0.4, "recall": None}
        assert (read.recorded_at, read.holdout_sha256, read.actor) == (NOW, sha("holdout"), "ann")

    def test_an_interval_is_kept_and_a_gate_without_one_is_written_as_before(self, registry, raw):
        interval = {"low": -0.05, "high": 0.03, "seeds": {"20": 0.02, "21": -0.01}, "days": {"2026-01-14": 0.011}}
        planted = GateResult("injection_average_precision", True, 0.011, "at least 0", "torn", interval)
        evaluate(registry, "v1", GOOD, planted, run_id="run-9")
        assert registry.latest_evaluation("v1").gates == (GOOD, planted)
        kept = raw.exec_driver_sql("SELECT gates FROM evaluations ORDER BY id DESC").scalar()
        first, second = json.loads(kept) if isinstance(kept, str) else kept
        assert set(first) == {"name", "passed", "value", "threshold", "detail"}
        assert second["interval"] == interval
        (record,) = [each for each in registry.audit_log() if each.kind == "evaluations"][-1:]
        assert '"interval":{' in record.content
        assert record.content.count('"interval"') == 1
        assert registry.find_tampering() is None
        with pytest.raises(InvalidRecord, match="an interval of nan to 1"):
            GateResult("score_gap", True, 0.1, "", "", {"low": float("nan"), "high": 1})

    def test_passed_means_that_every_gate_passed(self, registry):
        assert evaluate(registry, "v1", GOOD).passed
        assert not evaluate(registry, "v1", GOOD, BAD).passed

    def test_the_latest_evaluation_makes_the_status(self, registry):
        register(registry, "v5")
        assert registry.status("v5") == "candidate"
        assert registry.latest_evaluation("v5") is None
        for gate, status in ((BAD, "rejected"), (GOOD, "evaluated"), (BAD, "rejected")):
            evaluate(registry, "v5", gate)
            assert registry.status("v5") == status
        assert [evaluation.passed for evaluation in registry.evaluations("v5")] == [False, True, False]

    def test_no_gates_are_no_evaluation(self, registry):
        with pytest.raises(InvalidRecord, match=r"needs gates.*none"):
            registry.record_evaluation(
                "v1",
                Attribution("ann", NOW),
                artifact_sha256=sha("v1"),
                holdout_sha256=sha("holdout"),
                gates=[],
                metrics={},
                thresholds={},
            )
        assert len(registry.evaluations("v1")) == 1

    def test_a_gate_twice_is_refused(self, registry):
        with pytest.raises(InvalidRecord, match="score_gap, score_gap"):
            evaluate(registry, "v1", BAD, GateResult("score_gap", True, 1.0, "", ""))

    def test_an_evaluation_of_other_bytes_is_refused(self, registry):
        with pytest.raises(InvalidRecord, match="other bytes than v1"):
            evaluate(registry, "v1", artifact_sha256=sha("v2"))
        assert len(registry.evaluations("v1")) == 1

    @pytest.mark.usefixtures("registry")
    def test_the_database_itself_refuses_an_evaluation_of_other_bytes(self, raw):
        raw.exec_driver_sql("PRAGMA foreign_keys = ON") if raw.dialect.name == "sqlite" else None
        copied = "holdout_sha256, passed, gates, metrics, thresholds, recorded_at, actor"
        with pytest.raises(sa.exc.IntegrityError):
            raw.exec_driver_sql(
                f"INSERT INTO evaluations (version, artifact_sha256, {copied}) "
                f"SELECT 'v1', '{sha('v2')}', {copied} FROM evaluations WHERE version = 'v2'"
            )

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_gate_measures_a_number_or_nothing(self, value):
        with pytest.raises(InvalidRecord, match="not a measurement"):
            GateResult("rate", False, value, "", "")

    @pytest.mark.parametrize("passed", [None, "no", 1])
    def test_a_gate_passes_or_does_not(self, passed):
        with pytest.raises(InvalidRecord, match="True or False"):
            GateResult("rate", passed, 0.1, "", "")
