"""The pages of pictures."""

from mlreg_dagster.pages.cards.facts import asset_cards, gallery, side_by_side
from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.cards"

PAGES = (
    Page("cards", "/cards", lambda _: "Cards", gallery, _PACKAGE, "Cards"),
    Page("side_by_side", "/cards/side-by-side", lambda _: "Cards side by side", side_by_side, _PACKAGE),
    Page("asset_cards", "/cards/{asset}", lambda facts: f"Cards of {facts.asset}", asset_cards, _PACKAGE),
)
