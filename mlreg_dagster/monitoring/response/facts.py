"""The facts of one evaluated day, by which the decision table judges.

They are measured in `monitoring.drift`; the limits below them stand in drift.yaml.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

Quality = Literal["ok", "bad", "severe"]
"""Of the data of a day: by its nulls, its universe and the age of its newest hour."""

Concept = Literal["unknown", "same", "worse"]
"""Whether matured outcomes say that the champion has become worse, paired on the same rows."""


@dataclass(frozen=True)
class DayFacts:
    """What was measured of one day.

    Attributes:
        day: Which day, UTC.
        quality: Of its data.
        fast: The fast arm: an innovation above its limit, or a flagged share out of its limits, on the day.
        slow: The slow arm: |z| above its limit on two of three days, or a lower one on average of a week.
        persistent_days: Of the last three days, those that drift by features with a short memory, or whose flagged
            share was out of its limits.
        peak: The largest |z| of features with a short memory; None: unknown.
        concept: By matured outcomes.
        episodes: How many crash episodes `concept` rests on.
        is_stale: The champion's features or sources were not refreshed in time, or are made otherwise now.
        enough: Whether there is enough evidence for a judgement.
        differs_from_training: The rows of the window in which quality was bad are others than those of training.
        champion: The version that was champion at the end of the day; None: no version was.
        reasons: One sentence for each signal: its family, feature, statistic and z.
    """

    day: date
    quality: Quality
    fast: bool
    slow: bool
    persistent_days: int
    peak: float | None
    concept: Concept
    episodes: int
    is_stale: bool
    enough: bool
    differs_from_training: bool
    champion: str | None
    reasons: tuple[str, ...]
