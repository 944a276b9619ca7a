"""How a rollout is worded for people: the same in every command, card and report."""

from mlreg_dagster.registry import TrafficEvent
from mlreg_dagster.registry.records.traffic import CLOSED, FINISHED


def share(event: TrafficEvent) -> str:
    """The candidate's share of the traffic."""
    return f"{event.weight / 100:g} %"


def state_in_words(event: TrafficEvent) -> str:
    """Where the rollout is."""
    return event.state.replace("_", " ")


def split_in_words(event: TrafficEvent) -> str:
    """How the traffic of an alias is split from a change on, in a sentence."""
    since = f"since {event.effective_at:%Y-%m-%d %H:%M} UTC"
    if event.state == "ab":
        return (
            f"An A/B test of {event.candidate} against {event.champion}: {share(event)} of the traffic of "
            f"{event.alias}, {since}."
        )
    if event.state == FINISHED:
        return f"The A/B test of {event.candidate} against {event.champion} has ended, {since}: {event.reason}"
    if event.is_open:
        return (
            f"{event.candidate} is rolled out in place of {event.champion}: {state_in_words(event)}, {share(event)} of "
            f"the traffic of {event.alias}, {since}."
        )
    ended = "ended with all traffic" if event.state == CLOSED else "was rolled back"
    return f"The rollout of {event.candidate} in place of {event.champion} {ended}, {since}: {event.reason}"
