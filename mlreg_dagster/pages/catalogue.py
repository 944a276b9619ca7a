"""All pages, in the order of the navigation."""

from mlreg_dagster.pages.cards import page as cards
from mlreg_dagster.pages.champions import page as champions
from mlreg_dagster.pages.compare import page as compare
from mlreg_dagster.pages.models import page as models
from mlreg_dagster.pages.overview import page as overview
from mlreg_dagster.pages.page import Page
from mlreg_dagster.pages.version import page as version

PAGES: tuple[Page, ...] = (overview.PAGE, models.PAGE, champions.PAGE, version.PAGE, *compare.PAGES, *cards.PAGES)
