"""Ages of stored things, measured by what happened since, never by times after now.

A clock that was ahead, or still is, must not make old what is not. A time after now is therefore no evidence of
anything, and a long stretch in which nothing happened does not count as time that passed.
"""

from collections.abc import Iterable
from itertools import pairwise

import pandas as pd


def old_before(
    times: Iterable[pd.Timestamp], now: pd.Timestamp, days: int, longest_pause: pd.Timedelta
) -> pd.Timestamp | None:
    """The time before which things are older than `days`; None where nothing happened up to `now`.

    Args:
        times: When something happened, in any order.
        now: The machine's time.
        days: For how many days things are kept.
        longest_pause: A longer stretch between two of `times` does not count.
    """
    known = sorted({time for time in times if time <= now}, reverse=True)
    if not known:
        return None
    left = pd.Timedelta(days=days)
    for later, earlier in pairwise(known):
        pause = later - earlier
        if pause > longest_pause:
            continue
        if pause >= left:
            return later - left
        left -= pause
    return known[-1] - left
