"""Where the pages of pictures are."""

from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.cards"
_FACTS = f"{_PACKAGE}.facts"

PAGES = (
    Page("cards", "/cards", lambda _: "Cards", f"{_FACTS}:gallery", _PACKAGE, "Cards"),
    Page("side_by_side", "/cards/side-by-side", lambda _: "Cards side by side", f"{_FACTS}:side_by_side", _PACKAGE),
    Page("asset_cards", "/cards/{asset}", lambda facts: f"Cards of {facts.asset}", f"{_FACTS}:asset_cards", _PACKAGE),
)
