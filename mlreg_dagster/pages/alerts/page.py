"""The page of alerts."""

from mlreg_dagster.pages.alerts.facts import facts
from mlreg_dagster.pages.page import Page

PAGES = (Page("alerts", "/alerts", lambda _: "Alerts", facts, "mlreg_dagster.pages.alerts", "Alerts"),)
