"""Counts the answers of the last minutes that have no line, in bounded memory."""

import time

_SLICE_S, _SLICES = 10.0, 30  # five minutes


class RecentShare:
    """The share of the events of the last five minutes that failed; times are monotonic, in seconds."""

    def __init__(self) -> None:
        self._slices: dict[int, list[int]] = {}

    def add(self, failed: bool) -> None:
        """Count an event."""
        number = int(time.monotonic() / _SLICE_S)
        if number not in self._slices:
            self._slices = {each: counts for each, counts in self._slices.items() if each > number - _SLICES}
            self._slices[number] = [0, 0]
        self._slices[number][failed] += 1

    def value(self) -> float:
        """The share; 0 without an event."""
        oldest = time.monotonic() / _SLICE_S - _SLICES
        counts = [each for number, each in self._slices.copy().items() if number > oldest]
        failed = sum(each[1] for each in counts)
        return failed / total if (total := failed + sum(each[0] for each in counts)) else 0.0
