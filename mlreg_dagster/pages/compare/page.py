"""The pages of comparisons: the form, and two versions."""

from mlreg_dagster.pages.compare.facts import CompareFacts, FormFacts, facts, form_facts
from mlreg_dagster.pages.page import Page


def _title(found: CompareFacts) -> str:
    return f"{found.left.version} and {found.right.version}"


def _form_title(found: FormFacts) -> str:
    return "Compare" if found.chosen is None else _title(found.chosen)


PAGES = (
    Page(
        key="compare",
        path="/compare",
        title=_form_title,
        facts=form_facts,
        package="mlreg_dagster.pages.compare",
        navigation="Compare",
    ),
    Page(
        key="comparison",
        path="/compare/{left}/{right}",
        title=_title,
        facts=facts,
        package="mlreg_dagster.pages.compare",
    ),
)
