"""What a page is, and how it says that it can't be shown."""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from mlreg_dagster.core.errors import MlregError


class NotThere(MlregError):
    """What the address names is not there, or was not there yet; answered with 404."""


class Unclear(MlregError):
    """The address has parts that can't be read; answered with 400."""


@dataclass(frozen=True)
class Page:
    """A page, and its twin for programs.

    Attributes:
        key: Its name; its template is `<key>.html.jinja` in the folder `templates` of `package`.
        path: Its address, with names in braces for the parts that differ; the twin's ends with `.json`.
        title: Its heading, of its facts.
        source: `module:function` that takes a `View` and the parts of the address by name, and gives a dataclass of
            everything that is shown. It is loaded when it is first asked for: the pages start without it.
        package: The package that holds its template.
        navigation: Its word in the navigation; None: it is not there.
    """

    key: str
    path: str
    title: Callable[[Any], str]
    source: str
    package: str
    navigation: str | None = None

    @property
    def twin(self) -> str:
        """The address of the twin."""
        return f"{'/overview' if self.path == '/' else self.path}.json"

    def facts(self, view: Any, **parts: str) -> Any:
        """Everything that the page shows of a view."""
        return self.load()(view, **parts)

    def load(self) -> Callable[..., Any]:
        """The function that makes the facts."""
        return resolve_name(self.source)  # type: ignore[no-any-return] # as the catalogue's test sees
