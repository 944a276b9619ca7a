"""All pages, in the order of the navigation."""

from mlreg_dagster.pages.cards import page as cards
from mlreg_dagster.pages.page import Page

PAGES: tuple[Page, ...] = (*cards.PAGES,)
