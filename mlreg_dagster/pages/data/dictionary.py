"""What the page of the dictionary shows; `?q=` searches it, `?table=` shows one table alone."""

from dataclasses import dataclass

from mlreg_dagster.evidence.data_audit.dictionary import Described, dictionary, searched
from mlreg_dagster.extensions.registration.loading import load_extensions
from mlreg_dagster.pages.page import NotThere
from mlreg_dagster.pages.view import View


@dataclass(frozen=True)
class DictionaryFacts:
    """A part of the dictionary.

    Attributes:
        query: The words that are searched for.
        table: The table that is shown alone; None: all.
        names: Of all tables and files of datasets.
        entries: How many columns the whole dictionary has.
        found: How many are shown.
        described: What is shown.
    """

    query: str
    table: str | None
    names: tuple[str, ...]
    entries: int
    found: int
    described: tuple[Described, ...]


def facts(view: View) -> DictionaryFacts:
    """The dictionary of the configuration, as it is now.

    Raises:
        NotThere: No table has the name that is asked for.
    """
    load_extensions(view.settings.extensions.modules)
    everything = dictionary(view.settings)
    words, table = view.query.get("q", "").strip()[:200], view.query.get("table") or None
    names = tuple(each.name for each in everything)
    if table is not None and table not in names:
        raise NotThere(f"There is no table {table[:40]!r}. Name one of {', '.join(names)}.")
    chosen = [each for each in everything if table in (None, each.name)]
    found = searched(chosen, words)
    return DictionaryFacts(words, table, names, _columns(everything), _columns(found), found)


def _columns(described: tuple[Described, ...]) -> int:
    return sum(len(each.entries) for each in described)
