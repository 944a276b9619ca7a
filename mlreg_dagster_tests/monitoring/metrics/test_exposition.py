"""Numbers as text: a file that is whole at any time, and a server that is not overrun."""

import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.monitoring.metrics.declared import METRICS
from mlreg_dagster.monitoring.metrics.exposition import MetricsUnavailable, exposition, make_server, write_textfile
from mlreg_dagster.monitoring.metrics.numbers import Sample
from mlreg_dagster_tests.waiting import PATIENCE_S

PROMTOOL = shutil.which("promtool")
EVERY = [Sample(name, 1, tuple("x" for _ in metric.labels)) for name, metric in METRICS.items()]


def test_every_declared_metric_is_written_with_its_help_and_kind():
    families = {each.name: each for each in text_string_to_metric_families(exposition(EVERY).decode())}
    for name, metric in METRICS.items():
        family = families[name.removesuffix("_total")]
        assert family.documentation == metric.help
        assert family.type == ("counter" if name.endswith("_total") else "gauge")
        assert [sample.name for sample in family.samples] == [name]
    assert exposition(EVERY).endswith(b"\n")


def test_a_label_with_odd_characters_stays_one_label():
    text = exposition([Sample("mlreg_versions", 1, ('a"b\nc\\d',))]).decode()
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].labels == {"status": 'a"b\nc\\d'}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not here")
def test_promtool_finds_nothing_to_say_about_the_metrics():
    answer = subprocess.run([PROMTOOL, "check", "metrics"], input=exposition(EVERY), capture_output=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path):
    path, seen, done = tmp_path / "mlreg.prom", set(), threading.Event()
    contents = {(letter * 200_000 + "\n").encode() for letter in "ab"}
    write_textfile(path, sorted(contents)[0])

    def look() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for _ in range(50):
            for content in contents:
                write_textfile(path, content)
        done.set()
        looking.result()
    assert seen <= contents
    assert [each.name for each in tmp_path.iterdir()] == ["mlreg.prom"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_that_can_not_be_written_leaves_no_draft(tmp_path):
    (tmp_path / "mlreg.prom").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_textfile(tmp_path / "mlreg.prom", b"x\n")
    assert [each.name for each in tmp_path.iterdir()] == ["mlreg.prom"]


@pytest.fixture
def serve():
    servers = []

    def start(read, fresh_s=10.0):
        server = make_server("127.0.0.1", 0, read, fresh_s)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_scrapes_at_once_read_once(serve):
    reads = []

    def read() -> bytes:
        reads.append(time.monotonic())
        time.sleep(0.1)
        return b"mlreg_versions 1\n"

    url = serve(read, fresh_s=PATIENCE_S)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: httpx.get(f"{url}/metrics", timeout=PATIENCE_S), range(16)))
    assert {(each.status_code, each.text) for each in answers} == {(200, "mlreg_versions 1\n")}
    assert answers[0].headers["content-type"].startswith("text/plain; version=0.0.4")
    assert len(reads) == 1


def test_old_numbers_are_read_again(serve):
    reads = iter(range(9))
    url = serve(lambda: str(next(reads)).encode(), fresh_s=0.0)
    assert [httpx.get(f"{url}/metrics").text for _ in range(3)] == ["0", "1", "2"]


def test_a_failure_is_an_error_of_the_scrape_and_not_of_the_server(serve):
    answers = iter([MlregError("the home is gone"), b"ok\n"])

    def read() -> bytes:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    url = serve(read)
    assert httpx.get(f"{url}/metrics").status_code == 503
    assert httpx.get(f"{url}/metrics").text == "ok\n"
    assert httpx.get(f"{url}/").status_code == 404


def test_an_address_that_is_taken_is_named(serve):
    url = serve(lambda: b"")
    with pytest.raises(MetricsUnavailable, match=r"127.0.0.1:\d+ can't be listened on.*--port"):
        make_server("127.0.0.1", int(url.rpartition(":")[2]), lambda: b"")
