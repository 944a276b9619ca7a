"""Where the pages of the data are."""

from mlreg_dagster.pages.data import audit, dataset, dictionary, overview
from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.data"

PAGES = (
    Page("data", "/data", lambda _: "Data", overview.facts, _PACKAGE, "Data"),
    Page("data_dictionary", "/data/dictionary", lambda _: "Data dictionary", dictionary.facts, _PACKAGE),
    Page("data_audit_page", "/data/audit", lambda facts: audit.title(facts), audit.facts, _PACKAGE),
    Page("dataset", "/datasets/{day}", lambda facts: f"Dataset of {facts.day}", dataset.facts, _PACKAGE),
)
