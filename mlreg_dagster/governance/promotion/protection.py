"""Protection: a champion that is confirmed worse, and worse than the version before it, is to go back to that one.

Whether it may by itself is the policy's to say: in the tier `low` it is a rollback like any other; in the tier `high`
the request is recorded and waits for a person. A sensor looks again and again, so that what it acts on holds at every
look.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from mlreg_dagster.core.hours import as_hour
from mlreg_dagster.core.people import AUTOMATION
from mlreg_dagster.governance.promotion.request import PromotionRequest
from mlreg_dagster.governance.rollout.ab import in_words
from mlreg_dagster.governance.rollout.labels import Comparison
from mlreg_dagster.registry import AliasEvent, DriftDecision
from mlreg_dagster.registry.rules import rollback_target

_FRESH = pd.Timedelta(days=4)
"""How old a finding may be: a day is judged once it has ended, and a daemon may be down for a while."""


@dataclass(frozen=True)
class Protection:
    """A rollback that protects.

    Attributes:
        request: The rollback.
        key: The same for the same cause, champion and target.
    """

    request: PromotionRequest
    key: str


def protection(
    decisions: Iterable[DriftDecision],
    moves: Sequence[AliasEvent],
    compare: Callable[[str, str], Comparison],
    now: pd.Timestamp,
    alpha: float,
) -> Protection | str | None:
    """The rollback that the newest decision on drift calls for.

    Args:
        decisions: On drift, as they were recorded.
        moves: Of the champion.
        compare: Holds the champion against the version before, on the outcomes of the predictions that both made.
        now: The current time.
        alpha: How often the comparison may be wrong, at any look.

    Returns:
        None where the champion is not confirmed worse; in words, why nothing is to be done although it is.
    """
    newest = max(decisions, key=lambda each: (each.day, each.id), default=None)
    if newest is None or not moves or newest.family != "concept" or newest.state not in ("confirmed", "responding"):
        return None
    champion, target = moves[-1].version, rollback_target(moves)
    if newest.champion != champion or now - as_hour(newest.day) > _FRESH:
        return None
    if target is None:
        return f"{champion} is worse than it was, and no version held champion before that a rollback has not left"
    found = compare(champion, target)
    if not found.pairs:
        return f"{champion} is worse than it was; {target} can't be compared with it: they scored no hour together"
    in_figures = in_words(found, champion, target, margin=0.0, alpha=alpha)
    if found.verdict != "worse":
        return f"{champion} is worse than it was, but not known to be worse than {target}, the one before: {in_figures}"
    reason = f"{in_figures} {target} held champion before. Cause: {newest.cause}."
    request = PromotionRequest(target, reason, AUTOMATION, expected=champion)
    return Protection(request, f"protect-{newest.cause}-{champion}-{target}")
