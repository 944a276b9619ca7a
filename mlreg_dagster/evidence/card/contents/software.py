"""Which code trained a version, and what else was installed there."""

from collections import Counter
from typing import Any

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Table, Text, Values, flat
from mlreg_dagster.models.artifacts import sbom
from mlreg_dagster.models.manifests import CODE

_EXAMPLES = 5


def software_facts(context: CardContext) -> list[Fact]:
    """The commit, and the bill of materials by licence; the bill itself is a file of the bundle."""
    code = context.version.manifest.get(CODE)
    recorded: Fact = (
        Values("Code that trained it", flat(code), key="code_revision")
        if code
        else Text("The commit of the code was not recorded when it was trained.", key="code_revision")
    )
    bill = context.more.bill
    values = {**sbom.summary(bill), "file in the bundle": sbom.SBOM}
    return [
        recorded,
        Values("Software bill of materials", values, key="bill_of_materials"),
        Table("Components by licence", by_licence(bill), folded=True, key="licences"),
    ]


def by_licence(bill: bytes) -> list[dict[str, Any]]:
    """Licence, number of components, and some of their names; the most frequent first, what is not stated as None."""
    rows = sbom.licences(bill)
    counts = Counter(each["licence"] for each in rows)
    return [
        {
            "licence": licence,
            "components": number,
            "such as": [each["component"] for each in rows if each["licence"] == licence][:_EXAMPLES],
        }
        for licence, number in sorted(counts.items(), key=lambda each: (-each[1], str(each[0])))
    ]
