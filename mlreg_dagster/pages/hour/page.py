"""Where the pages of hours are."""

from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.hour"

HOURS = Page("hours", "/hours", lambda _: "Hours of the market", f"{_PACKAGE}.hours:facts", _PACKAGE, "Hours")
HOUR = Page(
    "hour", "/hours/{hour}", lambda found: f"{found.hour:%Y-%m-%d %H:%M} UTC", f"{_PACKAGE}.facts:facts", _PACKAGE
)
IMPACT = Page(
    "impact",
    "/hours/{hour}/impact",
    lambda found: f"What rests on {found.hour:%Y-%m-%d %H:%M} UTC",
    f"{_PACKAGE}.blast:facts",
    _PACKAGE,
)
PAGES = (HOURS, HOUR, IMPACT)
