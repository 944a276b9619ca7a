"""Renders facts in the frame that all pages share: navigation, branch, time, age of the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from mlreg_dagster.core.page_addresses import page_of_partition
from mlreg_dagster.core.times import hour_key
from mlreg_dagster.evidence.templating import render
from mlreg_dagster.pages import dagster_links
from mlreg_dagster.pages.page import Page
from mlreg_dagster.pages.view import View

_PACKAGE = "mlreg_dagster.pages"


@dataclass(frozen=True)
class Shell:
    """The frame of a page.

    Attributes:
        pages: All pages, for the navigation.
        page: The one that is shown.
        path: Its address.
        query: Its parameters.
        branch: Which branch is asked about; None: none.
        as_of: Which time is asked about; None: now.
        branches: Names of those that there are.
        is_fragment: Whether the content alone is rendered.
    """

    pages: tuple[Page, ...]
    page: Page
    path: str
    query: Mapping[str, str]
    branch: str | None = None
    as_of: datetime | None = None
    branches: Sequence[str] = ()
    is_fragment: bool = False

    def about(self, branch: str | None, as_of: datetime | None, branches: Sequence[str]) -> "Shell":
        """The frame of a page about a home and a time."""
        return replace(self, branch=branch, as_of=as_of, branches=branches)

    def link(self, path: str, **query: object) -> str:
        """The address of a page about the same home and time.

        Args:
            path: Its path; what others named is quoted.
            query: Its parameters; those that are None are left out. `branch` and `as_of` replace the present ones.
        """
        kept = {"branch": self.branch, "as_of": None if self.as_of is None else self.as_of.isoformat()}
        parameters = {name: str(value) for name, value in (kept | query).items() if value is not None and value != ""}
        return quote(path, safe="/:@,.-_~") + (f"?{urlencode(parameters)}" if parameters else "")

    @property
    def navigation(self) -> list[tuple[str, str, bool]]:
        """Word, address, and whether it is the present page."""
        return [
            (page.navigation, self.link(page.path), page.key == self.page.key) for page in self.pages if page.navigation
        ]

    @property
    def twin(self) -> str:
        """The address of the twin for programs."""
        return self.link("/overview.json" if self.path == "/" else f"{self.path}.json", **self.own_query)

    @property
    def own_query(self) -> dict[str, str]:
        """The parameters that are the page's own."""
        return {name: value for name, value in self.query.items() if name not in ("branch", "as_of")}


def render_page(shell: Shell, view: View, facts: Any) -> str:
    """A page, or its content alone."""
    return render(
        f"{shell.page.key}.html.jinja",
        package=shell.page.package,
        frame=_PACKAGE,
        shell=shell,
        page=shell.page,
        heading=shell.page.title(facts),
        view=view,
        facts=facts,
        link=shell.link,
        hour_path=lambda hour: page_of_partition(hour_key(hour)),
        dagster_link=dagster_links.asset_link(view.dagster_url),
        dagster_run=dagster_links.run_link(view.dagster_url),
    )


def render_problem(shell: Shell, heading: str, sentence: str) -> str:
    """A page in place of one that can't be shown."""
    return render(
        "problem.html.jinja",
        package=_PACKAGE,
        shell=shell,
        page=shell.page,
        heading=heading,
        sentence=sentence,
        view=None,
        link=shell.link,
    )
