"""Backups that are made by themselves: the last one of each day and week stays, and nothing else is touched."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from filelock import FileLock

from mlreg_dagster.automation.backups import build_backup_schedule
from mlreg_dagster.config import Settings
from mlreg_dagster.config.sections.backups import BackupSettings
from mlreg_dagster.config.sections.retention import RetentionSettings
from mlreg_dagster.operations.backup.creation import create
from mlreg_dagster.operations.backup.drafts import LOCK, BackupBusy, drafts_in
from mlreg_dagster.operations.backup.jobs import build_backup_job
from mlreg_dagster.operations.backup.manifest import FORM, Listed, Manifest, listed
from mlreg_dagster.operations.backup.newest import newest_of
from mlreg_dagster.operations.backup.rotation import no_longer_kept, rotate

NEWEST = datetime(2026, 3, 15, 12, 40, tzinfo=UTC)  # a Sunday
HOUR = timedelta(hours=1)


def made(folder, home, *times):
    """Backups of a home, by their manifests alone."""
    found = []
    for time in times:
        manifest = Manifest(
            form=FORM, made_at=time, home=str(home), release="1", registry="sqlite", audit_head=f"1:{'a' * 64}",
            versions=(), tables={}, damaged=(), left_out=(), files={}, seconds=1.0,
        )  # fmt: skip
        found.append(Listed(folder / f"{time:%Y%m%dT%H%M}", "whole", manifest))
    return found


def kept(backups, gone):
    return [each.manifest.made_at for each in backups if each.manifest and each.path not in gone]


def test_the_last_of_each_day_and_week_stays_and_all_of_the_newest_day(tmp_path):
    home = tmp_path / "home"
    hourly = made(tmp_path, home, *(NEWEST - number * HOUR for number in range(24 * 40)))
    settings = BackupSettings(keep_days=3, keep_weeks=3)
    stay = kept(hourly, no_longer_kept(hourly, home, settings))
    today = [NEWEST - number * HOUR for number in range(13)]
    days = [datetime(2026, 3, day, 23, 40, tzinfo=UTC) for day in (14, 13)]
    weeks = [datetime(2026, 3, day, 23, 40, tzinfo=UTC) for day in (8, 1)]
    assert stay == [*today, *days, *weeks]


def test_days_and_weeks_without_a_backup_do_not_count(tmp_path):
    home = tmp_path / "home"
    rare = made(tmp_path, home, *(NEWEST - number * timedelta(days=30) for number in range(8)))
    gone = no_longer_kept(rare, home, BackupSettings(keep_days=2, keep_weeks=5))
    assert len(kept(rare, gone)) == 5


def test_what_is_of_another_home_or_not_whole_is_nobody_s_to_remove(tmp_path):
    home = tmp_path / "home"
    others = made(tmp_path, tmp_path / "other", *(NEWEST - number * timedelta(days=9) for number in range(9)))
    broken = Listed(tmp_path / "broken", "no backup", None)
    assert no_longer_kept([*others, broken], home, BackupSettings()) == []
    own = made(tmp_path, home, *(NEWEST - number * timedelta(days=9) for number in range(9)))
    gone = no_longer_kept([*others, *own, broken], home, BackupSettings(keep_days=1, keep_weeks=1))
    assert sorted(gone) == sorted(each.path for each in own[1:])


def test_the_job_makes_one_and_removes_what_is_no_longer_kept(home, tmp_path):
    folder = tmp_path / "backups"
    old, _ = create(home, folder)
    settings = Settings(retention=RetentionSettings(backups=BackupSettings(folder=str(folder), keep_days=1)))
    job = build_backup_job("back_up", settings, home)
    assert job.execute_in_process().success
    newest, before = listed(folder)
    assert (newest.state, before.path) == ("whole", old)  # both are of the newest day
    assert newest_of(home).backup == str(newest.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlreg_dagster.operations.backup.rotation.no_longer_kept", lambda *_: [old])
        assert rotate(folder, home, settings.retention.backups) == [old]
    assert [each.path for each in listed(folder)] == [newest.path]
    assert drafts_in(folder) == []


def test_nothing_is_removed_while_another_process_is_at_work(home, tmp_path):
    folder = tmp_path / "backups"
    create(home, folder)
    with FileLock(folder / LOCK), pytest.raises(BackupBusy, match="No backup was removed"):
        rotate(folder, home, BackupSettings())


def test_without_a_folder_the_job_says_what_is_missing(tmp_path):
    job = build_backup_job("back_up", Settings(), tmp_path)
    with pytest.raises(Exception, match="names no folder for backups"):
        job.execute_in_process()


@pytest.mark.parametrize(
    ("chosen", "status", "cron"),
    [
        ({}, "STOPPED", "40 2 * * *"),
        ({"folder": "/backups"}, "RUNNING", "40 2 * * *"),
        ({"folder": "/backups", "every": "hour"}, "RUNNING", "40 * * * *"),
    ],
)
def test_the_schedule_is_on_where_a_folder_is_named(chosen, status, cron):
    schedule = build_backup_schedule(Settings(retention=RetentionSettings(backups=BackupSettings(**chosen))))
    assert (schedule.default_status, schedule.cron_schedule) == (dg.DefaultScheduleStatus[status], cron)
