"""All pages, in the order of the navigation."""

from mlreg_dagster.pages.alerts import page as alerts
from mlreg_dagster.pages.cards import page as cards
from mlreg_dagster.pages.champions import page as champions
from mlreg_dagster.pages.compare import page as compare
from mlreg_dagster.pages.data import page as data
from mlreg_dagster.pages.drift import page as drift
from mlreg_dagster.pages.experiments import page as experiments
from mlreg_dagster.pages.hour import page as hour
from mlreg_dagster.pages.models import page as models
from mlreg_dagster.pages.overview import page as overview
from mlreg_dagster.pages.page import Page
from mlreg_dagster.pages.version import page as version

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    models.PAGE,
    version.PAGE,
    *compare.PAGES,
    *experiments.PAGES,
    champions.PAGE,
    *data.PAGES,
    *hour.PAGES,
    *cards.PAGES,
    *drift.PAGES,
    *alerts.PAGES,
)
