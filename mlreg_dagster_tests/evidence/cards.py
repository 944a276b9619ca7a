"""The card of a version of a world, without a run."""

from dataclasses import replace

import pandas as pd

from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.collect import collect
from mlreg_dagster.evidence.card.context import Watch
from mlreg_dagster.evidence.card.elements import Table, Values
from mlreg_dagster_tests.lifecycle import NOW


def context_of(world, version, settings=None, verify=False, now=NOW):
    records = world.registry
    return collect(
        records.version(version),
        records,
        world.artifacts,
        world.warehouse,
        settings or world.settings,
        now=pd.Timestamp(now, tz="UTC"),
        tampering=records.find_tampering(),
        watch=Watch(),
        verify=verify,
    )


def card_of(world, version, settings=None):
    return make_card(context_of(world, version, settings))


def under(context, **use_case):
    """The context of a version under another use case, which is in force."""
    changed = context.use_case.model_copy(update=use_case)
    return replace(
        context,
        settings=context.settings.model_copy(update={"use_case": changed}),
        rules=replace(context.rules, use_case=changed),
    )


def facts(card, key, title):
    """The values or rows under a title that begins so."""
    section = next(each for each in card.sections if each.key == key)
    for fact in section.facts:
        if isinstance(fact, Values | Table) and fact.title.startswith(title):
            return dict(fact.values) if isinstance(fact, Values) else list(fact.rows)
    raise AssertionError(f"no {title} in {key}")


def section(card, key):
    return next(each for each in card.sections if each.key == key)


def finding(card, requirement):
    """The result of a requirement."""
    (found,) = [each for part in card.sections for each in part.required if each.requirement.key == requirement]
    return found.finding
