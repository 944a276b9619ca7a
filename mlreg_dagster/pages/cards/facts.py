"""Which pictures there are, and what is shown of them; the pictures themselves are served by `serving`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mlreg_dagster.core.page_addresses import page_of_partition
from mlreg_dagster.core.untrusted.pictures import NotShown, picture_in
from mlreg_dagster.pages.dagster_facts.facts import DagsterFacts, Drawn, Made, pictures_of
from mlreg_dagster.pages.page import NotThere, Unclear
from mlreg_dagster.pages.view import View

PER_PAGE = 20
_LAST_PAGE = 500


@dataclass(frozen=True)
class Shown:
    """A picture, the sentence in its place, or why it is not shown.

    Attributes:
        label: Under which it stands in the metadata.
        words: What it shows; the sentence.
        is_picture: Whether there is a picture to be looked at.
        refused: Why it is not shown; None: it is.
    """

    label: str
    words: str
    is_picture: bool
    refused: str | None = None


@dataclass(frozen=True)
class Card:
    """The pictures of one materialization.

    Attributes:
        page: Of the hour or the version that the partition is; None: there is none.
    """

    asset: str
    partition: str | None
    run_id: str
    at: datetime
    pictures: tuple[Shown, ...]
    page: str | None


@dataclass(frozen=True)
class Gallery:
    """The newest card of each asset that has one; `why` says what is missing, if anything is."""

    cards: tuple[Card, ...]
    why: str | None


@dataclass(frozen=True)
class Entry:
    """A materialization with pictures, in a list."""

    partition: str | None
    run_id: str
    at: datetime
    labels: tuple[str, ...]
    is_shown: bool


@dataclass(frozen=True)
class AssetCards:
    """One card of an asset, and the list of all of them, the newest first.

    Attributes:
        card: None: nothing is known; `why` says it.
        number: Which page of the list it is.
        has_more: Whether there is a next page of it.
    """

    asset: str
    card: Card | None
    entries: tuple[Entry, ...]
    number: int
    has_more: bool
    why: str | None


@dataclass(frozen=True)
class Side:
    """One of two cards: what was asked for, and what there is.

    Attributes:
        missing: Why there is no card; None where there is one, or none was asked for.
    """

    asset: str | None
    partition: str | None
    run_id: str | None
    card: Card | None
    missing: str | None


@dataclass(frozen=True)
class SideBySide:
    """Two cards, and the assets that can be chosen."""

    left: Side
    right: Side
    assets: tuple[str, ...]
    why: str | None


def gallery(view: View) -> Gallery:
    """The newest card of each asset."""
    newest = [made for asset in view.dagster.assets() for made in view.dagster.pictured(asset, limit=1)]
    return Gallery(tuple(map(_card, newest)), view.dagster.why)


def asset_cards(view: View, asset: str) -> AssetCards:
    """The card of an asset that the query names by `partition` and `run`, else its newest.

    Raises:
        NotThere: It has no such card.
        Unclear: `page` is no number.
    """
    number = _page(view.query)
    partition, run_id = view.query.get("partition") or None, view.query.get("run") or None
    found = view.dagster.pictured(asset, 1, 0, partition, run_id)
    if not found and view.dagster.why is None:
        raise NotThere(f"{_named(asset, partition, run_id)} has no pictures.")
    card = _card(found[0]) if found else None
    listed = view.dagster.pictured(asset, PER_PAGE + 1, (number - 1) * PER_PAGE)
    entries = tuple(_entry(made, card) for made in listed[:PER_PAGE])
    return AssetCards(asset, card, entries, number, len(listed) > PER_PAGE, view.dagster.why)


def side_by_side(view: View) -> SideBySide:
    """The two cards that the query names: `left`, `left_partition` and `left_run`, and the same of `right`."""
    sides = [_side(view.dagster, view.query, name) for name in ("left", "right")]
    return SideBySide(sides[0], sides[1], view.dagster.assets(), view.dagster.why)


def drawn_under(facts: DagsterFacts, asset: str, query: Mapping[str, str]) -> Drawn:
    """The picture of an asset that a query names by `label`, `partition` and `run`.

    Raises:
        NotThere: There is none.
    """
    partition, run_id = query.get("partition") or None, query.get("run") or None
    for each in facts.pictures(asset, partition, run_id):
        if each.label == query.get("label"):
            return each
    raise NotThere(facts.why or f"{_named(asset, partition, run_id)} has no such picture.")


def _side(facts: DagsterFacts, query: Mapping[str, str], name: str) -> Side:
    asset, partition, run_id = (query.get(f"{name}{part}", "").strip() or None for part in ("", "_partition", "_run"))
    if asset is None:
        return Side(None, partition, run_id, None, None)
    found = facts.pictured(asset, 1, 0, partition, run_id)
    if not found:
        return Side(asset, partition, run_id, None, f"{_named(asset, partition, run_id)} has no pictures.")
    return Side(asset, partition, run_id, _card(found[0]), None)


def _card(made: Made) -> Card:
    pictures = tuple(map(_shown, pictures_of(made)))
    return Card(made.asset, made.partition, made.run_id, made.at, pictures, page_of_partition(made.partition))


def _shown(drawn: Drawn) -> Shown:
    if drawn.markdown.startswith("_"):
        return Shown(drawn.label, drawn.markdown.strip("_"), is_picture=False)
    try:
        picture = picture_in(drawn.markdown)
    except NotShown as error:
        return Shown(drawn.label, "", is_picture=False, refused=str(error))
    return Shown(drawn.label, picture.words or drawn.label, is_picture=True)


def _entry(made: Made, card: Card | None) -> Entry:
    labels = tuple(each.label for each in pictures_of(made))
    is_shown = card is not None and (made.partition, made.run_id, made.at) == (card.partition, card.run_id, card.at)
    return Entry(made.partition, made.run_id, made.at, labels, is_shown)


def _page(query: Mapping[str, str]) -> int:
    text = query.get("page") or "1"
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= _LAST_PAGE:
        raise Unclear(f"page must be a number from 1 to {_LAST_PAGE}.")
    return int(text)


def _named(asset: str, partition: str | None, run_id: str | None) -> str:
    return f"{asset}{f' of {partition}' if partition else ''}{f' in run {run_id}' if run_id else ''}"
