"""A page that shows what it is given, to test the frame of all pages."""

from dataclasses import dataclass
from datetime import datetime

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.pages.page import NotThere, Page, Unclear
from mlreg_dagster.pages.view import View


@dataclass(frozen=True)
class Facts:
    name: str
    as_of: datetime
    query: dict[str, str]
    champion: str | None


def facts(view: View, name: str = "nothing") -> Facts:
    """What was asked; names of errors raise them."""
    if name == "gone":
        raise NotThere("It is not there.")
    if name == "unclear":
        raise Unclear("It can't be read.")
    if name == "unavailable":
        raise MlregError("It can't be had.")
    if name == "defect":
        raise ValueError("a secret")
    holder = view.registry.holder("champion", view.as_of)
    return Facts(name, view.as_of, dict(view.query), holder.version if holder else None)


PAGES = (
    Page("probe", "/", lambda each: f"Probe {each.name}", f"{__name__}:facts", __name__, "Probe"),
    Page("probe", "/probes/{name}", lambda each: f"Probe {each.name}", f"{__name__}:facts", __name__),
)
