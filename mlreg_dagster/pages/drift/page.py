"""Where the pages of drift are."""

from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.drift"

PAGES = (
    Page("drift", "/drift", lambda _: "Drift", f"{_PACKAGE}.facts:facts", _PACKAGE, "Drift"),
    Page(
        "drift_day", "/drift/{day}", lambda found: f"Drift on {found.day:%Y-%m-%d}", f"{_PACKAGE}.day:facts", _PACKAGE
    ),
)
