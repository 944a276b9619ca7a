"""Where the pages of the data are."""

from typing import Any

from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.data"


def _audit_title(facts: Any) -> str:
    from mlreg_dagster.pages.data import audit  # which is loaded by then

    return audit.title(facts)


PAGES = (
    Page("data", "/data", lambda _: "Data", f"{_PACKAGE}.overview:facts", _PACKAGE, "Data"),
    Page("data_dictionary", "/data/dictionary", lambda _: "Data dictionary", f"{_PACKAGE}.dictionary:facts", _PACKAGE),
    Page("data_audit_page", "/data/audit", _audit_title, f"{_PACKAGE}.audit:facts", _PACKAGE),
    Page("dataset", "/datasets/{day}", lambda facts: f"Dataset of {facts.day}", f"{_PACKAGE}.dataset:facts", _PACKAGE),
)
