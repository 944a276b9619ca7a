"""All pages, in the order of the navigation."""

from mlreg_dagster.pages.alerts import page as alerts
from mlreg_dagster.pages.cards import page as cards
from mlreg_dagster.pages.compare import page as compare
from mlreg_dagster.pages.drift import page as drift
from mlreg_dagster.pages.hour import page as hour
from mlreg_dagster.pages.page import Page
from mlreg_dagster.pages.version import page as version

PAGES: tuple[Page, ...] = (version.PAGE, *compare.PAGES, *hour.PAGES, *drift.PAGES, *alerts.PAGES, *cards.PAGES)
