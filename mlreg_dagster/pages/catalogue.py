"""All pages, in the order of the navigation."""

from mlreg_dagster.pages.champions.page import PAGE as CHAMPIONS
from mlreg_dagster.pages.models.page import PAGE as MODELS
from mlreg_dagster.pages.overview.page import PAGE as OVERVIEW
from mlreg_dagster.pages.page import Page

PAGES: tuple[Page, ...] = (OVERVIEW, MODELS, CHAMPIONS)
