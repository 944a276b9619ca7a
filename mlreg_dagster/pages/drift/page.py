"""The pages of drift."""

from mlreg_dagster.pages.drift import day, facts
from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.drift"

PAGES = (
    Page("drift", "/drift", lambda _: "Drift", facts.facts, _PACKAGE, "Drift"),
    Page("drift_day", "/drift/{day}", lambda found: f"Drift on {found.day:%Y-%m-%d}", day.facts, _PACKAGE),
)
