"""All combinations of what a day is judged by, against the rows as people read them."""

from itertools import product

import pytest

from mlreg_dagster.monitoring.response.table import Situation, judge
from mlreg_dagster_tests.monitoring.response.days import SETTINGS, on

ROWS = """
 1 | any                | not enough, Q ok                   | unknown    | none
 2 | any                | Q ok, repaired, differs, budget    | responding | retrain_on_repaired_data
 2 | any                | Q ok, repaired, differs, no budget | as before  | ask_a_person
 3 | any                | Q severe                           | watch      | none
 4 | any                | Q bad                              | watch      | none
 5 | stable             | F or S or C worse                  | watch      | none
 5 | watch of quality   | F or S or C worse                  | watch      | none
 6 | watch of drift     | C worse, 30 episodes, budget       | confirmed  | retrain
 6 | watch of drift     | C worse, 30 episodes, no budget    | confirmed  | ask_a_person
 7 | watch of drift     | persists, fresh                    | confirmed  | adapt_threshold
 7 | watch of drift     | persists, stale, budget            | confirmed  | refresh_and_retrain
 7 | watch of drift     | persists, stale, no budget         | confirmed  | ask_a_person
 8 | watch of quality   | over, L 0                          | stable     | resolve
 8 | watch of drift     | over, calm                         | stable     | resolve
 8 | confirmed          | over, calm                         | stable     | resolve
 9 | confirmed          | stale, budget                      | responding | refresh_and_retrain
 9 | confirmed          | stale, no budget                   | confirmed  | ask_a_person
10 | confirmed          | 14 days, budget                    | responding | retrain
10 | confirmed          | C worse, budget                    | responding | retrain
10 | confirmed          | 14 days, no budget                 | confirmed  | ask_a_person
10 | confirmed          | C worse, no budget                 | confirmed  | ask_a_person
11 | confirmed          |                                    | confirmed  | adapt_threshold
12 | responding         | under way                          | responding | none
13 | responding         | promoted                           | cooldown   | resolve
14 | responding         | rejected or failed, budget         | watch      | none
14 | responding         | rejected or failed, no budget      | watch      | ask_a_person
15 | cooldown           | days below 7                       | cooldown   | none
16 | cooldown           |                                    | stable     | none
 0 | any                |                                    | as before  | none
"""

IS = {
    "not enough": lambda s: not s.facts.enough,
    "Q ok": lambda s: s.facts.quality == "ok",
    "Q bad": lambda s: s.facts.quality == "bad",
    "Q severe": lambda s: s.facts.quality == "severe",
    "repaired": lambda s: s.is_repaired,
    "differs": lambda s: s.facts.differs_from_training,
    "budget": lambda s: s.may_train,
    "no budget": lambda s: not s.may_train,
    "F or S or C worse": lambda s: s.facts.fast or s.facts.slow or s.facts.concept == "worse",
    "C worse": lambda s: s.facts.concept == "worse",
    "30 episodes": lambda s: s.facts.episodes >= 30,
    "persists": lambda s: s.facts.persistent_days == 3 or (s.facts.slow and s.facts.persistent_days == 2),
    "stale": lambda s: s.facts.is_stale,
    "fresh": lambda s: not s.facts.is_stale,
    "over": lambda s: s.is_over,
    "L 0": lambda s: s.facts.persistent_days == 0,
    "calm": lambda s: (
        not s.facts.fast and not s.facts.slow and s.facts.persistent_days == 0 and s.facts.concept != "worse"
    ),
    "14 days": lambda s: s.days >= 14,
    "days below 7": lambda s: s.days < 7,
    "under way": lambda s: s.training in ("none", "under_way"),
    "promoted": lambda s: s.training == "promoted",
    "rejected or failed": lambda s: s.training in ("rejected", "failed"),
}
STATES = {
    "any": lambda _: True,
    "stable": lambda s: s.state in ("stable", "unknown"),  # an unknown day leads nowhere by itself
    "watch of quality": lambda s: s.state == "watch" and not s.is_drift,
    "watch of drift": lambda s: s.state == "watch" and s.is_drift,
    "confirmed": lambda s: s.state == "confirmed",
    "responding": lambda s: s.state == "responding",
    "cooldown": lambda s: s.state == "cooldown",
}


def rows():
    for line in ROWS.strip().splitlines():
        number, state, conditions, after, action = (part.strip() for part in line.split("|"))
        wanted = [part.strip() for part in conditions.split(",") if part.strip()]
        yield int(number), STATES[state], [IS[name] for name in wanted], after, action


READ = list(rows())
CONTEXTS = [
    {"may_train": may_train, **context}
    for may_train in (True, False)
    for context in (
        {},
        {"days": 6},
        {"days": 7},
        {"days": 14},
        {"is_over": True},
        {"is_drift": False},
        {"is_drift": False, "is_over": True},
        {"is_repaired": True},
        {"is_repaired": True, "differs": True},
        {"differs": True},
        {"episodes": 29},
        {"training": "under_way"},
        {"training": "promoted"},
        {"training": "rejected"},
        {"training": "failed"},
    )
]


def expected(situation):
    for place, (number, fits, conditions, after, action) in enumerate(READ):
        if fits(situation) and all(holds(situation) for holds in conditions):
            before = "stable" if situation.state == "unknown" else situation.state
            return place, (number, before if after == "as before" else after, action)
    raise AssertionError


def combinations():
    states = ("unknown", "stable", "watch", "confirmed", "responding", "cooldown")
    return product(
        states,
        ("ok", "bad", "severe"),
        (False, True),
        (False, True),
        range(4),
        ("unknown", "same", "worse"),
        (False, True),
        (True, False),
    )


def situations():
    for state, quality, fast, slow, persistent, concept, stale, enough in combinations():
        for context in CONTEXTS:
            known = {name: value for name, value in context.items() if name not in ("differs", "episodes")}
            facts = on(
                0,
                quality=quality,
                fast=fast,
                slow=slow,
                persistent_days=persistent,
                concept=concept,
                is_stale=stale,
                enough=enough,
                differs_from_training=context.get("differs", False),
                episodes=context.get("episodes", 30),
            )
            yield Situation(state, facts, **known)


def test_every_combination_is_judged_as_the_first_row_that_fits_says_and_each_row_is_hit():
    assert sum(1 for _ in combinations()) == 3456
    hit = set()
    for situation in situations():
        ruling = judge(situation, SETTINGS)
        place, wanted = expected(situation)
        assert (ruling.row, ruling.state, ruling.action) == wanted, situation
        hit.add(place)
    assert hit == set(range(len(READ)))
    assert {number for number, *_ in READ} == set(range(17))


@pytest.mark.parametrize(
    ("state", "facts", "row"),
    [("watch", {"concept": "worse"}, 6), ("confirmed", {"is_stale": True}, 9), ("confirmed", {}, 10)],
)
def test_a_training_that_was_asked_for_is_not_asked_for_again(state, facts, row):
    ruling = judge(Situation(state, on(0, **facts), is_asked=True, may_train=False), SETTINGS)
    assert (ruling.row, ruling.action) == (row, "none")
    assert ruling.state == ("confirmed" if row == 6 else "responding")


def test_people_are_told_what_the_state_asks_for():
    def alerts(state, **facts):
        situation = Situation(state, on(0, **{name: facts.pop(name) for name in list(facts) if name in vars(on(0))}))
        return {(each.rule, each.severity) for each in judge(situation, SETTINGS).alerts}

    assert alerts("stable", quality="severe") == {("data_quality", "page")}
    assert alerts("stable", quality="bad") == {("data_quality", "ticket")}
    assert alerts("stable", fast=True) == {("drift_watch", "ticket")}
    assert alerts("watch", concept="worse") == {("drift_confirmed", "ticket"), ("champion_worse", "ticket")}
    assert alerts("cooldown", fast=True, slow=True, persistent_days=3) == set()
    assert alerts("cooldown", concept="worse") == {("champion_worse", "ticket")}
    assert alerts("stable") == set()
    spent = judge(Situation("confirmed", on(0), days=14, may_train=False), SETTINGS)
    assert {(each.rule, each.severity) for each in spent.alerts} == {("drift_confirmed", "page")}
    for told, severity in ((True, "ticket"), (False, "page")):
        failed = judge(Situation("responding", on(0), training="rejected", may_train=told), SETTINGS)
        assert ("training_failed", severity) in {(each.rule, each.severity) for each in failed.alerts}
    for days, rules in ((2, set()), (3, {"drift_unknown"})):
        unknown = judge(Situation("stable", on(0, enough=False), unknown_days=days), SETTINGS)
        assert {each.rule for each in unknown.alerts} == rules
