"""All pages, in the order of the navigation."""

from mlreg_dagster.pages.compare.page import PAGES as COMPARE
from mlreg_dagster.pages.page import Page
from mlreg_dagster.pages.version.page import PAGE as VERSION

PAGES: tuple[Page, ...] = (VERSION, *COMPARE)
