"""Pages of a home that has nothing but a registry, asked without a web server."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from mlreg_dagster.config import load_settings
from mlreg_dagster.config.places import registry_url
from mlreg_dagster.pages.answer import Answering, Asked
from mlreg_dagster.pages.catalogue import PAGES
from mlreg_dagster.pages.homes import Homes
from mlreg_dagster.registry import Registry
from mlreg_dagster_tests.governance.busy_registry import make_busy

_BY_KEY = {page.key: page for page in PAGES}


class Site:
    """The pages of a new home.

    Attributes:
        folder: The home.
        registry: To write to, and to ask what the pages should say.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.registry = Registry(registry_url(folder))
        self._answering = Answering(Homes(folder, None), load_settings(), PAGES, None)

    def facts(self, key: str, **query: object) -> dict[str, Any]:
        """The facts of a page's twin; the query also names the parts of its address."""
        answer = self._asked(key, query, is_json=True)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = json.loads(answer.text)["facts"]
        return found

    def html(self, key: str, status: int = 200, **query: object) -> str:
        """A page."""
        answer = self._asked(key, query, is_json=False)
        assert answer.status == status, answer.text
        return answer.text

    def _asked(self, key: str, query: dict[str, object], *, is_json: bool) -> Any:
        page = _BY_KEY[key]
        texts = {
            name: value.isoformat() if isinstance(value, datetime) else str(value) for name, value in query.items()
        }
        parts = {name: texts.pop(name) for name in re.findall(r"{(\w+)}", page.path)}
        return self._answering.answer(page, Asked(page.path.format(**parts), parts, texts, is_json=is_json))


class BusyHome(Site):
    """The pages of a home with a long history.

    Attributes:
        end: A time after the last record.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.end: datetime = make_busy(self.registry)
