"""Where the overview is."""

from mlreg_dagster.pages.page import Page

PAGE = Page(
    key="overview",
    path="/",
    title=lambda _: "Overview",
    source="mlreg_dagster.pages.overview.facts:facts",
    package="mlreg_dagster.pages.overview",
    navigation="Overview",
)
