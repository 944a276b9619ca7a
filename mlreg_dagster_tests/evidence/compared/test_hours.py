"""Hours of datasets, against a brute-force oracle."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.core.times import read_hour
from mlreg_dagster.evidence.compared.hours import compare_hours, stretches

_HOURS = st.integers(0, 60).map(lambda n: f"2026-01-0{1 + n // 24}T{n % 24:02}:00Z")
_LINEAGES = st.dictionaries(
    _HOURS, st.fixed_dictionaries({"rows": st.integers(1, 9), "sha256": st.sampled_from("abc")})
).map(lambda hours: {"hours": hours})


@given(_LINEAGES, _LINEAGES)
def test_each_hour_is_added_dropped_changed_or_the_same(left, right):
    found = compare_hours(left, right)
    kinds = {"added": set(), "dropped": set(), "changed": set(), "same": set()}
    for hour in {*left["hours"], *right["hours"]}:
        before, after = left["hours"].get(hour), right["hours"].get(hour)
        if before is None:
            kinds["added"].add(hour)
        elif after is None:
            kinds["dropped"].add(hour)
        else:
            kinds["same" if before["sha256"] == after["sha256"] else "changed"].add(hour)
    assert list(found.added) == sorted(kinds["added"])
    assert list(found.dropped) == sorted(kinds["dropped"])
    assert list(found.changed) == sorted(kinds["changed"])
    assert found.same == len(kinds["same"])
    assert found.rows_added == sum(right["hours"][hour]["rows"] for hour in kinds["added"])
    assert found.rows_dropped == sum(left["hours"][hour]["rows"] for hour in kinds["dropped"])


@given(st.sets(_HOURS))
def test_stretches_hold_every_hour_and_never_touch(hours):
    found = stretches(sorted(hours))
    assert sum(each.hours for each in found) == len(hours)
    assert all((each.last - each.first).total_seconds() == (each.hours - 1) * 3600 for each in found)
    assert all(read_hour(hour) >= found[0].first for hour in hours)
    assert all((after.first - before.last).total_seconds() > 3600 for before, after in pairwise(found))


def test_a_lineage_of_before_hours_were_hashed_can_not_be_compared():
    assert compare_hours({}, {"hours": {}}) is None
