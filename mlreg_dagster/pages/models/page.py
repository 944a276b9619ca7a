"""Where the page of models is."""

from mlreg_dagster.pages.page import Page

PAGE = Page(
    key="models",
    path="/models",
    title=lambda _: "Models",
    source="mlreg_dagster.pages.models.facts:facts",
    package="mlreg_dagster.pages.models",
    navigation="Models",
)
