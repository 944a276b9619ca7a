"""What the runs of a command log on its terminal: warnings, retried steps, and defects.

The command itself tells its users why a run failed; Dagster's own logger would print the same with two stack traces.
The event log keeps everything.
"""

import logging
from typing import TYPE_CHECKING

import dagster as dg

from mlreg_dagster.orchestration.dagster_internals.queries import run_metadata
from mlreg_dagster.orchestration.failures import is_for_people, reason_of

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo


_SKIPPED = "Dependencies for step"
"""How Dagster begins to say, without an event, that a step was skipped since one before it failed."""


class _Lines(logging.Formatter):
    """One line a record; the whole of it, with its stack trace, where it tells of a defect."""

    def format(self, record: logging.LogRecord) -> str:
        logged, error = run_metadata(record), _error(record)
        if logged is None:
            return super().format(record)
        if error is not None and not is_for_people(error):
            return record.getMessage()
        reason = "" if error is None else f" {reason_of(error)}"
        level = "warning" if record.levelno < logging.WARNING else record.levelname.lower()
        return f"{level}: {logged['step_key'] or logged['job_name']}: {logged['orig_message']}{reason}"


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it is worth a line, and the command doesn't say it itself when the run has failed."""
    if (logged := run_metadata(record)) is None:
        return record.levelno >= logging.WARNING
    event = logged["dagster_event"]
    if event is not None and event.is_step_up_for_retry:
        return True
    if event is not None and event.is_failure:
        return event.is_step_failure and not is_for_people(_error(record))
    return record.levelno >= logging.WARNING and not logged["orig_message"].startswith(_SKIPPED)


def _error(record: logging.LogRecord) -> "SerializableErrorInfo | None":
    event = (run_metadata(record) or {}).get("dagster_event")
    return getattr(event.event_specific_data, "error", None) if event else None


def _console(_: dg.InitLoggerContext) -> logging.Logger:
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    handler.addFilter(_is_news)
    console = logging.Logger("mlreg")
    console.addHandler(handler)
    return console


terse_console = dg.LoggerDefinition(_console, description="Warnings and defects, a line each.")
"""The console of a command."""
