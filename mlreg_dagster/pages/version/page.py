"""Where the page of a version is."""

from mlreg_dagster.pages.page import Page

_PACKAGE = "mlreg_dagster.pages.version"

PAGE = Page(
    key="version",
    path="/versions/{version}",
    title=lambda found: f"Version {found.version}",
    source=f"{_PACKAGE}.facts:facts",
    package=_PACKAGE,
)
