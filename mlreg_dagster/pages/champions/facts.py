"""What the page of an alias shows; how an alias stands is asked of `governance.standing`, as commands do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mlreg_dagster.governance.moves import uncounted_moves
from mlreg_dagster.governance.plots import Span, reigns_timeline
from mlreg_dagster.governance.standing import standing_in
from mlreg_dagster.models.names import CHAMPION
from mlreg_dagster.pages.champions.changes import Change, Describer, in_order
from mlreg_dagster.pages.champions.spans import spans_until
from mlreg_dagster.pages.page import NotThere, Unclear
from mlreg_dagster.pages.paging import ListPage, list_page
from mlreg_dagster.pages.pictures import drawn
from mlreg_dagster.pages.view import View
from mlreg_dagster.registry import AliasEvent
from mlreg_dagster.registry.records.suspensions import suspended_times

_A_PAGE = 25
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Slider:
    """The times that can be asked about, in whole hours after the first move.

    Attributes:
        first: The first move.
        hours: Hours from then until now.
        at: The time that is asked about.
    """

    first: datetime
    hours: int
    at: int


@dataclass(frozen=True)
class Champions:
    """An alias as of a time.

    Attributes:
        alias: Which alias.
        aliases: All that a version ever held.
        as_of: The time that is asked about.
        sentence: Who held it, since when, on whose request and why.
        remarks: What else readers must know, in sentences.
        standing: The same as plain facts: what `mlreg champion --json` prints.
        weights: The share of each version in the traffic, in basis points.
        is_suspended: Whether no holder scores.
        changes: What happened until then, the newest first, one page of them.
        list_page: Which page of them it is.
        do_not_count: Moves that do not count as of now, in words.
        spans: Who had which share of the traffic when.
        stops: When it was suspended, by the ends.
        slider: The times that can be asked about; None: no version ever held it.
    """

    alias: str
    aliases: tuple[str, ...]
    as_of: datetime
    sentence: str
    remarks: tuple[str, ...]
    standing: Mapping[str, Any]
    weights: Mapping[str, int]
    is_suspended: bool
    changes: tuple[Change, ...]
    list_page: ListPage
    do_not_count: tuple[str, ...]
    spans: tuple[Span, ...]
    stops: tuple[tuple[datetime, datetime], ...]
    slider: Slider | None

    @property
    def picture(self) -> str:
        """The timeline as Markdown, until the end of the hour so that it is drawn once; empty without a move."""
        if not self.spans:
            return ""
        end = _end_of_hour(self.as_of)
        spans = tuple(
            (version, begin, end if last == self.as_of else last, share) for version, begin, last, share in self.spans
        )
        stops = tuple((begin, end if last == self.as_of else last) for begin, last in self.stops)
        return drawn(reigns_timeline, self.alias, self.standing["moves"][0]["version"], spans, stops)


def facts(view: View) -> Champions:
    """An alias as of the time of the request, or of the slider's position.

    Raises:
        NotThere: No version ever held the alias.
        Unclear: The slider's position is none.
    """
    registry, alias = view.registry, view.query.get("alias") or CHAMPION
    histories = registry.histories()
    if alias not in histories and alias != CHAMPION:
        raise NotThere(f"No version ever held {alias!r}. Aliases: {', '.join(histories) or 'none'}.")
    moves, splits, stops = histories.get(alias, []), registry.traffic_history(alias), registry.suspensions(alias)
    slider = _slider(view, moves)
    as_of = slider.first + slider.at * _HOUR if slider and _is_asked(view) else view.as_of
    found = standing_in(alias, as_of, moves, splits, stops)
    records = [each for each in in_order([*moves, *splits, *stops]) if each.effective_at <= as_of]
    shown, place = list_page(records[::-1], view.query.get("page"), _A_PAGE)
    describer, directory = Describer(registry), registry.directory()
    return Champions(
        alias=alias,
        aliases=tuple(sorted({*histories, CHAMPION}, key=lambda each: (each != CHAMPION, each))),
        as_of=as_of,
        sentence=directory.in_words(found.in_words),
        remarks=tuple(map(directory.in_words, found.remarks)),
        standing=found.facts,
        weights=found.weights,
        is_suspended=found.suspension is not None,
        changes=tuple(
            describer.change(each, standing_in(alias, each.effective_at, moves, splits, stops).weights)
            for each in shown
        ),
        list_page=place,
        do_not_count=tuple(map(directory.in_words, uncounted_moves(registry, alias, view.now))),
        spans=spans_until(as_of, alias, moves, splits),
        stops=tuple(
            (each.change.effective_at, min(each.end or as_of, as_of))
            for each in suspended_times(stops)
            if each.change.effective_at <= as_of
        ),
        slider=slider,
    )


def _end_of_hour(time: datetime) -> datetime:
    begin = time.replace(minute=0, second=0, microsecond=0)
    return time if time == begin else begin + _HOUR


def _is_asked(view: View) -> bool:
    """Whether the slider says the time; a time that is written out comes first."""
    return bool(view.query.get("at")) and not view.is_past


def _slider(view: View, moves: Sequence[AliasEvent]) -> Slider | None:
    if not moves:
        return None
    first = moves[0].effective_at
    hours = max(-((first - view.now) // _HOUR), 0)
    if not _is_asked(view):
        return Slider(first, hours, min(max((view.as_of - first) // _HOUR, 0), hours))
    text = view.query["at"]
    if not text.isascii() or not text.isdecimal() or int(text[:9]) > hours:
        raise Unclear(f"{text!r} is no position of the slider: hours after the first move, 0 to {hours}.")
    return Slider(first, hours, int(text))
