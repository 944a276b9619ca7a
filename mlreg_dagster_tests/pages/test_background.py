"""What takes long: it is made once, in turn, in a process that may die."""

import os
import time

import pytest

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.pages.background import Background
from mlreg_dagster.pages.worker_process import WorkerProcess
from mlreg_dagster_tests.pages.at_once import AtOnce


def square(number):
    return number * number


def refuse(text):
    raise MlregError(text)


def meet_a_defect():
    raise ZeroDivisionError


def wait(seconds):
    time.sleep(seconds)
    return seconds


def die():
    os._exit(9)


def whose_process():
    return os.getpid()


def waited(background, key, make, *arguments):
    for _ in range(600):
        if (found := background.result(key, make, *arguments, wait_s=0.1)).state not in ("computing", "busy"):
            return found
        time.sleep(0.02)
    pytest.fail("it was never made")


def test_a_result_is_made_once_and_remembered():
    worker = AtOnce()
    background = Background(worker)
    assert waited(background, "a", square, 3).value == 9
    assert background.result("a", square, 4).value == 9
    assert worker.calls == 1


def test_the_result_that_was_asked_for_longest_ago_is_forgotten_first():
    worker = AtOnce()
    background = Background(worker, kept=2)
    for key in ("a", "b", "a", "c"):
        waited(background, key, square, 2)
    assert worker.calls == 3
    assert background.result("a", square, 2).state == "ready"
    waited(background, "b", square, 2)
    assert worker.calls == 4


def test_no_more_than_so_many_wait():
    background = Background(AtOnce(), waiting=1)
    states = [background.result(key, wait, 0.3).state for key in range(4)]
    assert states[0] == "computing"
    assert states[-1] == "busy"
    assert waited(background, 3, wait, 0.0).state == "ready"


def test_an_error_for_users_is_shown_and_a_defect_is_not(caplog):
    background = Background(AtOnce())
    assert waited(background, "a", refuse, "it is not there").problem == "it is not there"
    found = waited(background, "b", meet_a_defect)
    assert found.state == "failed"
    assert "ZeroDivisionError" not in found.problem
    assert "ZeroDivisionError" in caplog.text


def test_a_failure_is_asked_again_after_a_while(monkeypatch):
    worker = AtOnce()
    background = Background(worker)
    waited(background, "a", refuse, "it is not there")
    assert background.result("a", square, 2).state == "failed"
    monkeypatch.setattr("mlreg_dagster.pages.background._FAILED_S", 0.0)
    assert background.result("a", square, 2, wait_s=5).value == 4


def test_another_process_computes_and_is_replaced_where_it_dies():
    background = Background(WorkerProcess())
    first = waited(background, "first", whose_process).value
    assert first != os.getpid()
    assert waited(background, "a", refuse, "it is not there").problem == "it is not there"
    assert "ended before it was done" in waited(background, "b", die).problem
    assert waited(background, "c", whose_process).value not in (first, os.getpid())


def test_what_can_not_be_sent_is_a_defect_and_the_process_goes_on():
    worker = WorkerProcess()
    with pytest.raises(TypeError, match="can't be sent"):
        worker.run(lambda_maker, ())
    assert worker.run(square, (2,)) == 4
    worker.close()


def lambda_maker():
    return lambda: None
