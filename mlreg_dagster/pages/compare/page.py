"""Where the pages of comparisons are: the form, and two versions."""

from typing import TYPE_CHECKING

from mlreg_dagster.pages.page import Page

if TYPE_CHECKING:
    from mlreg_dagster.pages.compare.facts import CompareFacts, FormFacts

_PACKAGE = "mlreg_dagster.pages.compare"


def _title(found: "CompareFacts") -> str:
    return f"{found.left.version} and {found.right.version}"


def _form_title(found: "FormFacts") -> str:
    return "Compare" if found.chosen is None else _title(found.chosen)


PAGES = (
    Page(
        key="compare",
        path="/compare",
        title=_form_title,
        source=f"{_PACKAGE}.facts:form_facts",
        package=_PACKAGE,
        navigation="Compare",
    ),
    Page(
        key="comparison",
        path="/compare/{left}/{right}",
        title=_title,
        source=f"{_PACKAGE}.facts:facts",
        package=_PACKAGE,
    ),
)
