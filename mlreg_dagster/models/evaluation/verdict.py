"""What "better than the champion" means: one rule for the gate, for automatic promotion and for the demo.

A version is better when the paired comparison on the same holdout rows and planted anomalies tells it apart: the whole
interval of the difference lies above zero. A larger average alone is not better. Where the two can't be told apart,
nothing is promoted without a person. Importing this costs nothing: the code location loads without scikit-learn.
"""

from collections.abc import Mapping
from typing import Any


def better_than(versus: Mapping[str, Any], champion: str | None) -> tuple[bool, str]:
    """Whether a version is better than the champion, and how it stands, in words that follow its name.

    Args:
        versus: `versus_champion` of its evaluation; see `comparison.against_champion`.
        champion: The version to be better than; None where there is no champion.
    """
    if champion is None:
        return True, "has no other champion to be better than"
    if versus.get("champion") == champion:
        return False, f"can't be compared with {champion}: {versus['not_comparable']}"
    if versus.get("right") != champion:
        return False, f"was not compared with {champion}, the champion of today: evaluate it again"
    if versus["difference"] is None:
        return False, f"can't be compared with {champion}: {versus['reason']}"
    verdict = f"{versus['verdict']} {'from' if versus['verdict'] == 'not distinguishable' else 'than'} {champion}"
    return versus["verdict"] == "better", f"is {verdict} at finding planted anomalies: {versus['reason']}"


def champion_in(versus: Mapping[str, Any]) -> str | None:
    """The champion that an evaluation was held against; None where there was none."""
    return versus.get("right") or versus.get("champion")


def better_with(versus: Mapping[str, Any]) -> str:
    """With how many planting seeds and holdout days a version is ahead of the champion; empty where it is not known."""
    counts = []
    for name, unit in (("seeds", "seed"), ("days", "day")):
        values = list((versus.get(name) or {}).values())
        if len(values) > (name == "days"):
            ahead = sum(value > 0 for value in values)
            counts.append(f"{ahead} of {len(values)} {unit}{'s' if len(values) != 1 else ''}")
    return f" Ahead with {' and '.join(counts)}." if counts else ""
