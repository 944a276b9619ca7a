"""Section 6: how good a version has been since, and what would notice if it were not."""

import pandas as pd

from mlreg_dagster.evidence.card.context import Known
from mlreg_dagster.evidence.card.elements import Fact, Section, Table, Text, Values, when
from mlreg_dagster.evidence.card.performance import contest_facts, outcome_facts, success
from mlreg_dagster.models.names import CHAMPION

_NO_DRIFT = "Drift is not measured: nothing compares the features of today with those of the training window."
_TOLD_ELSEWHERE = ("evaluated_model", "delivery_bundle")
"""Their checks are the gates of the newest version, and what the last card said."""


def monitoring(known: Known) -> Section:
    """Outcomes, what the use case asks for, what is flagged today, and the checks that watch all of it."""
    missing = [f"{known.overdue:,} predictions could have an outcome and have none."] if known.overdue else []
    if CHAMPION in known.aliases and not known.predictions and _days_in_charge(known) >= 1:
        missing.append(f"It is champion since {when(known.champions[-1].effective_at)} and has made no prediction.")
    against, unknown = list[str](), [_NO_DRIFT]
    facts: list[Fact] = []
    if known.outcomes.empty:
        unknown.append("No prediction of this version has fallen due: how good it is in use is not known.")
    else:
        facts += outcome_facts(known)
    facts += contest_facts(known)
    verdicts = [success(known, each) for each in known.settings.use_case.success]
    facts.append(Table("Whether the use case is met", verdicts))
    if not known.outcomes.empty:
        texts = {f"The use case's {each['metric']} is {each['verdict']}.": each["verdict"] for each in verdicts}
        against += [text for text, verdict in texts.items() if verdict == "NOT met"]
        unknown += [text for text, verdict in texts.items() if verdict not in ("met", "NOT met")]
    if known.flagged is not None:
        facts.append(Values("What it flags today, by the limits of its evaluation", {"last day": known.flagged.text}))
        against += [known.flagged.text] if known.flagged.state == "outside" else []
        unknown += [known.flagged.text] if known.flagged.state == "unknown" else []
    failed = [row for row in known.watch.checks if _speaks_against(row["asset"], row["last result"])]
    against += [f"The check {row['check']} of {row['asset']} failed last, at {row['recorded']}." for row in failed]
    facts += [
        Text("What is watched are the checks below, and the outcomes above."),
        Table("Checks, and their last result", known.watch.checks, folded=True),
        Table("How old the newest materialization may be", known.watch.freshness),
    ]
    return Section("monitoring", tuple(facts), tuple(missing), tuple(against), tuple(unknown))


def _speaks_against(asset: str, last_result: str) -> bool:
    return last_result == "FAILED" and asset not in _TOLD_ELSEWHERE


def _days_in_charge(known: Known) -> float:
    return float((known.now - known.champions[-1].effective_at) / pd.Timedelta(days=1))
