"""The page of a version."""

from mlreg_dagster.pages.page import Page
from mlreg_dagster.pages.version.facts import VersionFacts, facts


def _title(found: VersionFacts) -> str:
    return f"Version {found.version}"


PAGE = Page(
    key="version",
    path="/versions/{version}",
    title=_title,
    facts=facts,
    package="mlreg_dagster.pages.version",
)
