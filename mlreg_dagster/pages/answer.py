"""Makes the answer to a request for a page or its twin: the facts as HTML or JSON, or why there are none."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlreg_dagster.config.settings import Settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.json_values import plain
from mlreg_dagster.core.times import NotAnHour, read_time
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.operations.branches.finding import UnknownBranch
from mlreg_dagster.pages.homes import Homes, OpenHome
from mlreg_dagster.pages.page import NotThere, Page, Unclear
from mlreg_dagster.pages.rendering import Shell, render_page, render_problem
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import UnknownVersion

_LOG = logging.getLogger(__name__)
_SHELL_PARAMETERS = ("branch", "as_of")
_STATUS: tuple[tuple[type[MlregError], int], ...] = (
    (NotThere, 404), (UnknownVersion, 404), (UnknownBranch, 404), (Unclear, 400), (NotAnHour, 400),
)  # fmt: skip
_UNAVAILABLE = 503
_LONGEST = 200
TAMPERED = "The registry was tampered with: nothing of it is shown."


@dataclass(frozen=True)
class Asked:
    """A request for a page.

    Attributes:
        path: Its address, without the query.
        parts: The parts of the address by name.
        query: Its parameters.
        is_fragment: Whether the content alone is asked for.
        is_json: Whether the twin is asked for.
        viewer: Who asks, if that is known.
    """

    path: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    is_fragment: bool = False
    is_json: bool = False
    viewer: str | None = None


@dataclass(frozen=True)
class Answer:
    """Status and text; JSON or HTML, as was asked."""

    status: int
    text: str


class Answering:
    """Answers requests for pages.

    Args:
        homes: What can be asked about.
        settings: All settings.
        pages: All pages, for the navigation.
        dagster_url: Where the Dagster UI is; None: not known.
    """

    def __init__(self, homes: Homes, settings: Settings, pages: tuple[Page, ...], dagster_url: str | None) -> None:
        self._homes, self._settings, self._pages, self._dagster_url = homes, settings, pages, dagster_url

    def answer(self, page: Page, asked: Asked, now: datetime | None = None) -> Answer:
        """The page as of now, or as of the time that is asked about; whatever happens, an answer comes."""
        now = now or datetime.now(UTC)
        shell = Shell(self._pages, page, asked.path, asked.query, is_fragment=asked.is_fragment)
        try:
            past = asked_time(asked.query.get("as_of"))
            opened = self._homes.of(asked.query.get("branch") or None)
            shell = shell.about(opened.branch, past, [each.name for each in self._homes.branches()])
            if problem := opened.trust.problem():
                return _problem(shell, asked, _UNAVAILABLE, TAMPERED, problem)
            return self._shown(page, asked, shell, opened, past, now)
        except MlregError as error:
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), _UNAVAILABLE)
            return _problem(shell, asked, status, _heading(status), str(error))
        except Exception:  # noqa: BLE001 # whatever it is, an answer comes
            _LOG.exception("%s met a defect.", page.path)
            return _problem(shell, asked, 500, "The pages have a defect", "Their log says where it is.")

    def not_there(self, asked: Asked) -> Answer:
        """The answer to an address that no page has."""
        shell = Shell(self._pages, self._pages[0], asked.path, {}, is_fragment=asked.is_fragment)
        return _problem(shell, asked, 404, _heading(404), f"No page has the address {one_line(asked.path, _LONGEST)}.")

    def _shown(
        self, page: Page, asked: Asked, shell: Shell, opened: OpenHome, past: datetime | None, now: datetime
    ) -> Answer:
        written = opened.mirror.newest()  # asked before: what is read then is not older
        with opened.mirror.tables() as tables:
            view = View(
                opened.folder,
                opened.branch,
                opened.registry,
                opened.artifacts,
                tables,
                self._settings,
                opened.dagster(past),
                past or now,
                past is not None,
                now,
                written,
                self._dagster_url,
                asked.viewer,
                {name: value for name, value in asked.query.items() if name not in _SHELL_PARAMETERS},
            )
            facts = page.facts(view, **asked.parts)
        if asked.is_json:
            return Answer(200, _json(shell, facts=facts))
        return Answer(200, render_page(shell, view, facts))


def asked_time(text: str | None) -> datetime | None:
    """The time that `as_of` names; None: now.

    Raises:
        NotAnHour: It names none.
    """
    return read_time(text) if text else None


def _heading(status: int) -> str:
    return {404: "Not there", 400: "Not clear"}.get(status, "Not available")


def _problem(shell: Shell, asked: Asked, status: int, heading: str, sentence: str) -> Answer:
    if asked.is_json:
        return Answer(status, _json(shell, error={"heading": heading, "sentence": sentence}))
    return Answer(status, render_problem(shell, heading, sentence))


def _json(shell: Shell, **more: Any) -> str:
    about = {"page": shell.page.key, "branch": shell.branch, "as_of": shell.as_of}
    return json.dumps(plain(about | more), ensure_ascii=False, allow_nan=False, indent=1) + "\n"
