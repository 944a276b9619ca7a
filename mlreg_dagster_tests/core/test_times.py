import doctest
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlreg_dagster.core import times
from mlreg_dagster.core.hours import as_hour, as_time, hour_range
from mlreg_dagster.core.times import NotAnHour, hours_between, plain, read_hour, read_time
from mlreg_dagster.governance.decisions.signing import policy_message
from mlreg_dagster.registry import Attribution
from mlreg_dagster.registry.audit import canonical_json
from mlreg_dagster.registry.errors import InvalidRecord
from mlreg_dagster.registry.names import as_utc

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1), timezones=ZONES)
HOURS = st.integers(0, 2_000_000).map(lambda n: datetime.fromtimestamp(n * 3600, UTC))


def test_the_examples_are_as_they_say():
    assert doctest.testmod(times).attempted > 0
    assert doctest.testmod(times).failed == 0


@given(MOMENTS)
def test_what_is_hashed_and_shown_of_a_time_is_what_pandas_wrote_of_it(moment):
    stamp = pd.Timestamp(moment).tz_convert("UTC").floor("us").as_unit("us")
    kept = as_utc(moment)
    assert type(kept) is datetime
    assert (kept.isoformat(), str(kept), f"{kept:%Y-%m-%d %H:%M:%S.%f}") == (
        stamp.isoformat(), str(stamp), stamp.strftime("%Y-%m-%d %H:%M:%S.%f")
    )  # fmt: skip
    assert (
        canonical_json({"at": kept})
        == canonical_json({"at": stamp})
        == json.dumps({"at": stamp.isoformat()}).replace(" ", "")
    )
    assert read_time(moment) == as_time(moment) == kept


@given(MOMENTS)
def test_what_is_signed_of_a_time_is_what_pandas_wrote_of_it(moment):
    stamp = pd.Timestamp(moment).tz_convert("UTC")
    signed = policy_message("adoption", "0", "1", Attribution("anna", moment, "a good reason"))
    assert json.loads(signed)[-1] == stamp.isoformat()
    assert signed == policy_message("adoption", "0", "1", Attribution("anna", stamp, "a good reason"))


def test_what_is_finer_than_a_microsecond_is_cut_off():
    fine = pd.Timestamp("2017-12-20 12:00:00.123456789", tz="Europe/Rome")
    assert as_utc(fine) == datetime(2017, 12, 20, 11, 0, 0, 123456, tzinfo=UTC)
    assert plain(pd.Timestamp("1969-12-31 23:59:59.999999999", tz="UTC")).microsecond == 999999


@pytest.mark.parametrize("zoneless", [datetime(2018, 1, 1), pd.Timestamp("2018-01-01"), pd.NaT])
def test_a_record_has_no_time_without_a_zone(zoneless):
    with pytest.raises(InvalidRecord, match="no time zone"):
        as_utc(zoneless)


@given(HOURS, st.integers(-3, 100))
def test_hours_are_those_of_tables(first, length):
    last = first + timedelta(hours=length - 1)
    found = list(hours_between(first, last))
    assert found == list(hour_range(pd.Timestamp(first), pd.Timestamp(last)))
    assert all(type(hour) is datetime for hour in found)


@pytest.mark.parametrize(
    "wrong", ["", "noon", "2017-12-20-12:30", "2017-12-20T12:00:01", pd.NaT, "1600-01-01", "9999-01-01"]
)
def test_what_is_no_hour_here_is_none_there(wrong):
    with pytest.raises(NotAnHour) as here:
        read_hour(wrong)
    with pytest.raises(NotAnHour) as there:
        as_hour(wrong)
    assert str(here.value) == str(there.value)


def test_the_registry_and_the_configuration_need_no_pandas():
    program = (
        "import sys, mlreg_dagster.registry, mlreg_dagster.config as config; config.load_settings(); "
        "print([name for name in ('pandas', 'numpy', 'dagster', 'alembic') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
