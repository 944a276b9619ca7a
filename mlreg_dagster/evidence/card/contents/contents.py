"""The values behind the contents of a card that take a look at tables and artifacts; `collect` reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mlreg_dagster.registry import OpenAlert

REGIMES = ("calm", "usual", "turbulent")
"""Thirds of the hours of the stored market, by the median volatility of its instruments."""


@dataclass(frozen=True)
class Coverage:
    """What a version was trained on, against the newest week of the market.

    Attributes:
        first: First hour of that week.
        last: Its last hour.
        hours_by_regime: Hours of each regime: of the `market`, of the `training` and of the newest `week`.
        instruments: How many the training rows have.
        instruments_now: How many the week has.
        unknown_now: Those of the week that the training rows do not have.
        rows: Rows of features of the week; 0: they were made with other settings than those of the version.
        outside: Those with a feature outside of the range of the training rows.
        outside_by_feature: Share of the rows outside, by feature, of those that have any; the largest first.
    """

    first: pd.Timestamp
    last: pd.Timestamp
    hours_by_regime: Mapping[str, Mapping[str, int]]
    instruments: int
    instruments_now: int
    unknown_now: Sequence[str]
    rows: int
    outside: int
    outside_by_feature: Mapping[str, float]

    @property
    def known_share(self) -> float:
        """Share of the instruments of the week that the training rows have."""
        return 1 - len(self.unknown_now) / self.instruments_now if self.instruments_now else 0.0

    @property
    def unseen_regimes(self) -> list[str]:
        """Regimes in which the week has hours and the training has none."""
        of = self.hours_by_regime
        return [name for name in REGIMES if of["week"].get(name) and not of["training"].get(name)]


@dataclass(frozen=True)
class Predecessor:
    """The version before, and how a version differs from it.

    Attributes:
        version: The champion that it replaced; of one that never was champion the version registered before it.
        was_champion: Which of the two.
        changes: Rows of group, what, before, now.
        versus: Both on the same holdout, as its evaluation measured it; None: it was not compared with that version.
    """

    version: str
    was_champion: bool
    changes: Sequence[Mapping[str, Any]]
    versus: Mapping[str, Any] | None


@dataclass(frozen=True)
class Contents:
    """What `collect` adds to a card's context.

    Attributes:
        coverage: Its training against the market of now; None: there is no market, or the dataset can't be read.
        segments: Rows of segment, part, counts and rates with their intervals, over its outcomes.
        episodes: Rows of each crash episode among its outcomes, the newest first.
        predecessor: The version before; None: it is the first.
        bill: The software bill of materials, CycloneDX.
        bill_is_of_training: Whether it was made when the version was trained; else it lists what the manifest names.
        alerts: Open now.
    """

    coverage: Coverage | None = None
    segments: Sequence[Mapping[str, Any]] = ()
    episodes: Sequence[Mapping[str, Any]] = ()
    predecessor: Predecessor | None = None
    bill: bytes = b""
    bill_is_of_training: bool = False
    alerts: Sequence[OpenAlert] = field(default=())
