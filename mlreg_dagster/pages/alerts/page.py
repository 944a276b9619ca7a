"""Where the page of alerts is."""

from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.alerts"

PAGES = (Page("alerts", "/alerts", lambda _: "Alerts", f"{_PACKAGE}.facts:facts", _PACKAGE, "Alerts"),)
