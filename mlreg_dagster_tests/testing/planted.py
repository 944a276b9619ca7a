"""Extensions with one mistake each, and their sound counterparts; registered by the tests."""

import numpy as np

from mlreg_dagster.extensions import NothingAsked, detector, feature, gate


def register_detectors() -> None:
    detector("sound")(Sound)
    detector("wrong_direction")(WrongDirection)
    detector("unstable")(Unstable)
    detector("untrusted")(Untrusted)
    detector("declared", types=[f"{__name__}.Centre"])(Declared)


def register_features() -> None:
    @feature("sound_feature", lookback=3, description="Price against the one 3 h before", unit="%")
    def sound(grid):
        return grid.now("price") / grid.lagged("price", 3) - 1

    @feature("looks_ahead", lookback=0, description="Price against the one an hour later", unit="%")
    def ahead(grid):
        prices = grid.now("price")
        later = np.vstack([prices[1:], np.full_like(prices[:1], np.nan)])
        return np.where(np.isnan(later), 0.0, later / prices - 1)

    @feature("scaled_by_all", lookback=0, description="Price against the mean of what is computed", unit="1")
    def scaled(grid):
        return grid.now("price") / np.nanmean(grid.now("price"))


def register_gates() -> None:
    @gate("sound_gate", "Are some flagged?", at_least=0.01)
    def sound(context):
        return context.flagged.mean() if len(context.flagged) else None

    @gate("raises", "Are some flagged?", at_least=0.01)
    def raises(context):
        return float(context.flagged.sum()) / context.holdout.rows["hour"].nunique()

    @gate("passes_in_silence", "Are some flagged?", at_least=0.01)
    def silent(context):
        return float(context.flagged.mean()) if len(context.flagged) else 1.0

    @gate("asks_nothing", "Are some flagged?", at_least=0.01)
    def absent(context):
        if not len(context.flagged):
            raise NothingAsked("there are no rows.")
        return float(context.flagged.mean())

    @gate("by_chance", "Are some flagged?", at_least=0.01)
    def chance(context):
        return float(np.random.default_rng().random() + len(context.flagged) / len(context.flagged))


class Sound:
    def __init__(self, power: float = 2.0) -> None:
        self.power = power

    def fit(self, X):
        self.centre = X.mean(axis=0)

    def score(self, X):
        return (np.abs(X - self.centre) ** self.power).sum(axis=1)


class WrongDirection(Sound):
    def score(self, X):
        return -super().score(X)


class Unstable(Sound):
    def score(self, X):
        scores = super().score(X)
        return scores / max(float(scores.max()), 1.0)


class Centre:
    def __init__(self, at) -> None:
        self.at = at


class Untrusted(Sound):
    def fit(self, X):
        self.held = Centre(X.mean(axis=0))

    def score(self, X):
        return (np.abs(X - self.held.at) ** self.power).sum(axis=1)


class Declared(Untrusted):
    pass
