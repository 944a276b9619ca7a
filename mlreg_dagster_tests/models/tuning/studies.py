"""A record of a study, for tests of what reads it."""

from mlreg_dagster.models.tuning.record import COMPLETE, FAILED, PRUNED, Fold, Measured, Study, Trial


def a_study(name: str = "forest") -> Study:
    fold = Fold(
        "2017-12-01T00:00:00+00:00",
        "2017-12-08T00:00:00+00:00",
        "2017-12-09T00:00:00+00:00",
        "2017-12-10T00:00:00+00:00",
    )
    later = Fold(
        "2017-12-03T00:00:00+00:00",
        "2017-12-10T00:00:00+00:00",
        "2017-12-11T00:00:00+00:00",
        "2017-12-12T00:00:00+00:00",
    )
    tuned = {"params.n_estimators": 100, "params.max_samples": 0.1, "whiten": True}
    return Study(
        name=name,
        model="model",
        detector="isolation_forest",
        default={"detector": "isolation_forest", "params": {"n_estimators": 200, "max_samples": 1.0}, "seed": 42},
        dataset_day="2017-12-14",
        dataset_sha256="ab" * 32,
        seed=7,
        settings={"trials": 3, "objective": {"planted": 0.5, "worth": 0.5}},
        space={"params.n_estimators": {"low": 50, "high": 400}},
        folds=(fold,),
        planting_seeds=(700,),
        measured_folds=(later,),
        measured_seeds=(800, 801),
        trials=(
            Trial(0, {}, COMPLETE, 0.27, 0.5, 0.04, (0.26, 0.27), 4.5),
            Trial(1, tuned, COMPLETE, 0.28, 0.52, 0.04, (0.27, 0.28), 2.5),
            Trial(2, {**tuned, "whiten": False}, PRUNED, 0.1, 0.2, None, (0.1,), 1.0),
            Trial(3, tuned, FAILED, None, None, None, (), None),
        ),
        best=1,
        measured=(
            Measured("planted", 0.52, 0.5, 0.02, -0.01, 0.05, "not distinguishable", "of 24 instruments."),
            Measured("worth", None, None, None, None, None, "not distinguishable", "no crash."),
        ),
        result="No gain can be told.",
        seconds=8.0,
        finished_at="2017-12-15T00:00:00+00:00",
        importance={"params.n_estimators": 0.75, "whiten": 0.25},
    )
