"""What every market source must do."""

from typing import ClassVar

import pandas as pd

from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.market.schema import MARKET_SNAPSHOT
from mlreg_dagster.market.sources.base import HourNotAvailable, MarketSource


class SourceContract:
    """Subclass it, and say how the source is made and which hours it can be asked about.

    Attributes:
        now: The clock at which it is asked.
        hours: At least 24 consecutive ended hours that it can be asked about.
        live: Whether it sees the last of them live, at `now`.
    """

    now: ClassVar[pd.Timestamp]
    hours: ClassVar[pd.DatetimeIndex]
    live: ClassVar[bool] = False

    def make_source(self) -> MarketSource:
        """A fresh source of the same market."""
        raise NotImplementedError

    def disturb_after(self, hour: pd.Timestamp) -> None:
        """Change everything that the market says of later than the end of an hour. By default not tested."""
        raise NotImplementedError

    def test_rows_satisfy_the_schema_are_sorted_and_belong_to_the_hours_asked(self) -> None:
        """Rows of market_snapshot, sorted by hour and instrument."""
        rows = MARKET_SNAPSHOT.validate(self.make_source().snapshots(self.hours, self.now))
        assert len(rows), "The source has no row for any of the hours."
        assert rows["hour"].isin(self.hours).all(), "There are rows of hours that were not asked for."
        _same(rows, rows.sort_values(list(MARKET_SNAPSHOT.key), ignore_index=True), "Rows are not sorted by their key.")

    def test_hours_asked_one_by_one_and_as_a_range_are_bit_identical(self) -> None:
        """The company of an hour plays no part."""
        asked, source = self.hours[-16:], self.make_source()
        parts = [source.snapshots(asked[place : place + 1], self.now) for place in range(len(asked))]
        whole = self.make_source().snapshots(asked, self.now)
        _same(pd.concat(parts, ignore_index=True), whole, "An hour alone differs from the same hour within a range.")

    def test_the_order_and_the_company_of_an_hour_play_no_part(self) -> None:
        """Backwards and with repetitions the rows are the same."""
        source = self.make_source()
        backwards = [source.snapshots(self.hours[i : i + 1], self.now) for i in range(len(self.hours))[::-7]]
        mixed = pd.DatetimeIndex(self.hours[::-1].append(self.hours[:3]))
        whole = self.make_source().snapshots(mixed, self.now)
        for part in backwards:
            if len(part):
                expected = whole[whole["hour"] == part["hour"].iloc[0]].reset_index(drop=True)
                _same(part, expected, "An hour depends on what was asked before it.")

    def test_nothing_said_later_changes_an_hour(self) -> None:
        """An hour that was asked about gives the same rows for ever."""
        asked = self.hours[: len(self.hours) // 2]
        before = self.make_source().snapshots(asked, self.now)
        try:
            self.disturb_after(asked[-1])
        except NotImplementedError:
            return
        _same(self.make_source().snapshots(asked, self.now), before, "Later data changed an earlier hour.")

    def test_an_hour_that_has_not_ended_is_refused(self) -> None:
        """The snapshot of an hour exists from its end on."""
        source, last = self.make_source(), self.now.floor("h") - HOUR
        for refused in (last + HOUR, last + 500 * HOUR):
            assert not source.can_ask(refused, self.now), f"{refused} has not ended at {self.now}."
            try:
                source.snapshots(pd.DatetimeIndex([refused]), self.now)
            except HourNotAvailable:
                continue
            raise AssertionError(f"{refused} has not ended at {self.now}, and the source answered.")

    def test_it_names_itself_and_when_it_saw_the_hour(self) -> None:
        """`source` and `observed_at` of each row."""
        source = self.make_source()
        rows = source.snapshots(self.hours, self.now)
        rows = rows[rows["hour"] == rows["hour"].max()]
        assert set(rows["source"]) == {source.name}
        seen = self.now if self.live else rows["hour"].iloc[0] + HOUR
        assert set(rows["observed_at"]) == {seen}, "observed_at is the clock of a live fetch, or the end of the hour."


def _same(left: pd.DataFrame, right: pd.DataFrame, message: str) -> None:
    assert left.equals(right), message
