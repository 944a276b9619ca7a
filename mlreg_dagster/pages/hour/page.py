"""The pages of hours."""

from mlreg_dagster.pages.hour import blast, facts, hours
from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.hour"

HOURS = Page("hours", "/hours", lambda _: "Hours of the market", hours.facts, _PACKAGE, "Hours")
HOUR = Page("hour", "/hours/{hour}", lambda found: f"{found.hour:%Y-%m-%d %H:%M} UTC", facts.facts, _PACKAGE)
IMPACT = Page(
    "impact",
    "/hours/{hour}/impact",
    lambda found: f"What rests on {found.hour:%Y-%m-%d %H:%M} UTC",
    blast.facts,
    _PACKAGE,
)
PAGES = (HOURS, HOUR, IMPACT)
