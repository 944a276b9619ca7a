"""No secret is in anything that a failing run leaves behind: messages, events, logs, pages, files."""

import gzip
import logging
import traceback
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from mlreg_dagster import jobs
from mlreg_dagster.automation.failures.runs import build_failure_sensor
from mlreg_dagster.config import ConfigError, load_settings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.hours import HOUR
from mlreg_dagster.core.untrusted.redaction import names_a_secret, password_in, shown_url
from mlreg_dagster.orchestration import retries
from mlreg_dagster.orchestration.resources import RegistryResource
from mlreg_dagster.registry import Registry, RegistryUnavailable
from mlreg_dagster.runner import Runner, asset_config
from mlreg_dagster_tests.automation.receiver import Receiver
from mlreg_dagster_tests.lifecycle import CONFIGS, START, write_configs
from mlreg_dagster_tests.market.sources.coingecko.fake_coingecko import FakeCoinGecko, serve, status
from mlreg_dagster_tests.ports import free_port

KEY, USER_PASSWORD, HOOK, DATABASE = "CG-kEy0f7he4pi", "pAssw0rd0fUrl", "T00hookZ9secret", "dAtabasePassw0rd"
SECRETS = (KEY, USER_PASSWORD, HOOK, DATABASE)


def secrets_in(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    return [secret for secret in SECRETS if secret.encode() in content]


def test_nothing_that_failing_runs_leave_behind_holds_a_secret(
    dagster_home, own_home, tmp_path, monkeypatch, capfd, caplog
):
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "httpcore")
    monkeypatch.setattr(retries, "WAIT_S", 0)
    monkeypatch.setenv("COINGECKO_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("REGISTRY_URL", f"postgresql://ann:{DATABASE}@127.0.0.1:{free_port()}/registry")
    market = FakeCoinGecko(START, coins=2)
    said = f'{{"error": "the key {KEY} of {USER_PASSWORD} is unknown"}}'.encode()
    with serve(market), Receiver(404) as receiver:
        market.faults.extend([status(code, said) for code in (200, 401, *[500] * 20)])
        url = market.url.replace("http://", f"http://me:{USER_PASSWORD}@")
        coingecko = {"base_url": url, "attempts": 2, "max_wait_s": 0.01, "requests_per_minute": 1e9}
        ingest = {**CONFIGS["ingest"], "source": "coingecko", "start": "2020-01-01T00:00", "coingecko": coingecko}
        hook = f"{receiver.url.replace('http://', f'http://me:{USER_PASSWORD}@')}/{HOOK}"
        configs = {"ingest": ingest, "notifications": {"webhook_url": hook}}
        monkeypatch.setenv("MLREG_CONFIG_DIR", str(write_configs(tmp_path / "configs", configs)))
        told = []
        with dg.DagsterInstance.get() as instance:
            runner = Runner(instance, resources={"registry": RegistryResource(url=dg.EnvVar("REGISTRY_URL"))})
            hour = pd.DatetimeIndex([runner.clock.now().floor("h") - HOUR])
            for run in (
                *[lambda: runner.run_hours(jobs.MARKET, hour)] * 3,
                lambda: runner.run(jobs.PROMOTE, asset_config("champion_model", {"version": "v1", "reason": "a test"})),
                lambda: runner.registry.versions(),
            ):
                with pytest.raises(MlregError) as failed:
                    run()
                told.append("".join(traceback.format_exception(failed.value)))
            assert any("HTTP 401" in text for text in told)
            failure = next(iter(instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))))
            event = next(
                entry.dagster_event
                for entry in instance.all_logs(failure.dagster_run.run_id)
                if entry.dagster_event and entry.dagster_event.is_run_failure
            )
            context = dg.build_run_status_sensor_context("failure_sensor", event, instance, failure.dagster_run)
            with pytest.raises(MlregError) as failed:
                build_failure_sensor(load_settings())(context.for_run_failure())
            told.append("".join(traceback.format_exception(failed.value)))
    assert len(receiver.requests) >= 1
    printed = capfd.readouterr()
    assert {where: found for where, found in _all_that_is_left(dagster_home, own_home) if found} == {}
    for text in (*told, printed.out, printed.err, caplog.text, str([body for _, _, body in receiver.requests])):
        assert secrets_in(text) == []


def _all_that_is_left(*folders: Path):
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        yield str(path), secrets_in(gzip.decompress(content) if path.suffix == ".gz" else content)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("notifications", f"webhook_url: htps://hooks.example/{HOOK}"),
        ("notifications", f"webhook_url: [{HOOK}]"),
        ("notifications", f"webhook_url: https://hooks.example/{HOOK}: oops"),
        ("notifications", f"webhook_url: 'https://hooks.example/{HOOK}"),
        ("notifications", f"https://hooks.example/{HOOK}"),
        ("ingest", f"coingecko: {{base_url: 'ftp://me:{USER_PASSWORD}@host'}}"),
        ("ingest", f"coingecko: {{base_url: 'https://host/api?key={KEY}'}}"),
        ("ingest", f"coingecko: {{api_key_env: {KEY}}}"),
        ("ingest", f"coingecko: {{timeout_s: 'https://me:{USER_PASSWORD}@host'}}"),
        ("ingest", f"coingecko: {{api_key: {KEY}}}"),
    ],
)
def test_a_config_error_names_the_setting_and_not_the_secret(tmp_path, file, content):
    (tmp_path / f"{file}.yaml").write_text(content)
    with pytest.raises(ConfigError, match=rf"{file}\.yaml") as refused:
        load_settings(tmp_path)
    assert secrets_in("".join(traceback.format_exception(refused.value))) == []


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ann:{DATABASE}@127.0.0.1:1/registry",
        f"postgresql://ann@127.0.0.1:1/registry?password={DATABASE}",
        f"postgresql://ann@127.0.0.1:1/registry?sslpassword={DATABASE}",
        f"postgresql://ann:{DATABASE}@127.0.0.1:no-port/registry",
        f"mysql://ann:{DATABASE}@127.0.0.1/registry",
        f"{DATABASE}",
    ],
)
def test_a_registry_that_can_not_be_reached_does_not_tell_its_password(url):
    with pytest.raises(RegistryUnavailable) as refused:
        Registry(url).versions()
    assert secrets_in("".join(traceback.format_exception(refused.value))) == []


def test_a_password_that_dagster_would_show_is_refused(own_home):
    from mlreg_dagster.definitions import build_definitions

    registry = RegistryResource(url=f"postgresql://ann:{DATABASE}@host/registry")
    with pytest.raises(ConfigError, match=r"dg\.EnvVar") as refused:
        build_definitions(home=own_home, resources={"registry": registry})
    assert secrets_in(str(refused.value)) == []


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("http://me:secret@host:80/x", "http://host:80/x", "secret"),
        (
            "postgresql://host/n?password=secret&sslmode=require",
            "postgresql://host/n?password=***&sslmode=require",
            "secret",
        ),
        ("http://host/x", "http://host/x", None),
        ("http://[broken", "an address that can't be read", None),
    ],
)
def test_what_is_shown_of_a_url(url, shown, password):
    assert (shown_url(url), password_in(url)) == (shown, password)


@pytest.mark.parametrize("name", ["webhook_url", "URL", "base_urls", "api_key", "token", "url_variable"])
def test_a_setting_whose_name_tells_of_a_secret_is_not_shown(name):
    assert names_a_secret(name)


@pytest.mark.parametrize("name", ["hourly_volatility_pct", "Hourly", "universe"])
def test_a_setting_by_the_hour_is_no_url(name):
    assert not names_a_secret(name)
