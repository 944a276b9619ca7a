"""What runs that a command starts say on its terminal: warnings, steps that are tried again, and defects.

The command itself tells its users why a run failed; Dagster's own logger would print the same with two stack traces.
The event log keeps everything.
"""

import logging
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.log_manager import get_log_record_metadata, has_log_record_metadata

from mlreg_dagster.orchestration.failures import is_for_people, reason_of

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo


_SKIPPED = "Dependencies for step"
"""How Dagster begins to say, without an event, that a step was skipped since one before it failed."""


class _Lines(logging.Formatter):
    """One line a record; the whole of it, with its stack trace, where it tells of a defect."""

    def format(self, record: logging.LogRecord) -> str:
        if not has_log_record_metadata(record):
            return super().format(record)
        said, error = get_log_record_metadata(record), _error(record)
        if error is not None and not is_for_people(error):
            return record.getMessage()
        reason = "" if error is None else f" {reason_of(error)}"
        level = "warning" if record.levelno < logging.WARNING else record.levelname.lower()
        return f"{level}: {said['step_key'] or said['job_name']}: {said['orig_message']}{reason}"


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it is worth a line, and the command doesn't say it itself when the run has failed."""
    if not has_log_record_metadata(record):
        return record.levelno >= logging.WARNING
    said = get_log_record_metadata(record)
    event = said["dagster_event"]
    if event is not None and event.is_step_up_for_retry:
        return True
    if event is not None and event.is_failure:
        return event.is_step_failure and not is_for_people(_error(record))
    return record.levelno >= logging.WARNING and not said["orig_message"].startswith(_SKIPPED)


def _error(record: logging.LogRecord) -> "SerializableErrorInfo | None":
    event = get_log_record_metadata(record)["dagster_event"]
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
