"""The statements that are signed, byte for byte as every release signed them: another byte voids all signatures."""

import pandas as pd

from mlreg_dagster.governance.decisions.signing import (
    decision_message,
    person_message,
    policy_message,
    withdrawal_message,
)
from mlreg_dagster.registry import WAIVER, Attribution, Decision, PersonChange

TIME = pd.Timestamp("2026-03-02 10:11:12.345678", tz="UTC")
EXPIRES = TIME + pd.Timedelta(days=1)
DECISION = Decision(
    7, WAIVER, "v7", "a" * 64, 3, "anna", "the champion is blind", ("freeze", "stability"), EXPIRES, TIME, "run-1", None
)
BERT = Attribution("bert", TIME, "wrong", "run-2")


def test_the_statement_of_a_waiver():
    assert decision_message(DECISION).decode() == (
        f'["mlreg decision 1","exception","v7","{"a" * 64}",3,"anna","the champion is blind",["freeze","stability"],'
        '"2026-03-03T10:11:12.345678+00:00","2026-03-02T10:11:12.345678+00:00"]'
    )


def test_the_statement_of_a_withdrawal():
    assert withdrawal_message(BERT, DECISION).decode() == (
        '["mlreg withdrawal 1",7,"8e70fd94a3445dbbf5912c39ed61811f171ff5c4de76b8ec456b711eecdd91a1","bert","wrong",'
        '"2026-03-02T10:11:12.345678+00:00"]'
    )


def test_the_statement_of_a_change_of_the_policy():
    assert policy_message("adoption", "c" * 64, "p" * 64, BERT).decode() == (
        f'["mlreg policy 1","adoption","{"c" * 64}","{"p" * 64}","bert","wrong","2026-03-02T10:11:12.345678+00:00"]'
    )


def test_the_statement_of_a_change_of_the_directory_of_people():
    change = PersonChange(
        9, "p-7k2m9q4x", 2, "corrected", "e" * 64, ("owner",), "a2V5", "bert", "wrong", TIME, "run-1", None
    )
    assert person_message(change).decode() == (
        f'["mlreg person 1","corrected","p-7k2m9q4x",2,"{"e" * 64}",["owner"],"a2V5","bert","wrong",'
        '"2026-03-02T10:11:12.345678+00:00"]'
    )


def test_people_read_waiver_where_exception_is_stored():
    assert (DECISION.kind, DECISION.title, DECISION.is_waiver) == ("exception", "waiver", True)
    assert DECISION.waives == ("freeze", "stability")
