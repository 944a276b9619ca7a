"""Where the page of champions is."""

from mlreg_dagster.pages.page import Page

PAGE = Page(
    key="champions",
    path="/champions",
    title=lambda found: "Champions" if found.alias == "champion" else f"Holders of {found.alias}",
    source="mlreg_dagster.pages.champions.facts:facts",
    package="mlreg_dagster.pages.champions",
    navigation="Champions",
)
