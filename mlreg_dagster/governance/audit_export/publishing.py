"""Publishes heads of the audit log where people who can write the registry can't: from then on a cut or rewrite shows.

Where that is, stands in audit.yaml.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from mlreg_dagster.config import AuditSettings
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.governance.audit_export.export import head_of
from mlreg_dagster.governance.audit_export.lines import Head, NotAsWritten, spelled
from mlreg_dagster.governance.audit_export.time_stamps import request
from mlreg_dagster.governance.audit_export.verification import RESTORES, lost_in, published_in, restore_in
from mlreg_dagster.governance.audit_export.witnesses import DAGSTER, Published, chain_of, confirmed
from mlreg_dagster.governance.decisions.authority import required_key
from mlreg_dagster.monitoring.alerts.channels.base import secret_of
from mlreg_dagster.monitoring.alerts.channels.web import post_json
from mlreg_dagster.registry import AuditRecord
from mlreg_dagster.storage import private_files
from mlreg_dagster.storage.faults import explained

ATTEMPTS = 3
WAIT_S = 1.0


class NotPublished(MlregError):
    """A head that did not arrive at every place of audit.yaml."""


Places = Mapping[str, Callable[[Head], None]]
"""How a head gets to each place, by a name that shows no address that may be a secret."""


def places_of(settings: AuditSettings) -> Places:
    """The places that audit.yaml names.

    Raises:
        NotPublished: It names none.
    """
    places: dict[str, Callable[[Head], None]] = {}
    if settings.heads_file:
        places[settings.heads_file] = partial(_append, Path(settings.heads_file))
    if settings.time_stamp_folder:
        places[settings.time_stamp_folder] = partial(_request_time_stamp, Path(settings.time_stamp_folder))
    if settings.webhook_url or settings.webhook_url_variable:
        places["the webhook"] = partial(_post, settings)
    if not places:
        raise NotPublished(
            "Nothing was published: audit.yaml names no place. Set heads_file, time_stamp_folder or webhook_url there."
        )
    return places


def head_to_publish(log: Sequence[AuditRecord], settings: AuditSettings, now: datetime, remembered: int) -> Head:
    """The head of a log that holds what was published of it before.

    Args:
        log: The whole of it, known to be intact.
        settings: Which file holds earlier heads, and whether this one is signed.
        now: When it is published.
        remembered: The newest record that Dagster's run history confirms; 0: none.

    Raises:
        ContradictsHead: The log was cut or rewritten since a head was published.
        NotAsWritten: The file of earlier heads was edited.
        UnusableKey: A signature is asked for, and there is no key.
    """
    key = required_key("audit.yaml: signed") if settings.signed else None
    restores = [restore_in(each) for each in log if each.kind == RESTORES]
    before = confirmed(chain_of(log), _published_before(settings), lost_in(restores))
    return head_of(log, now, witnesses=len(before.also(DAGSTER, remembered).newest), key=key)


def publish(head: Head, places: Places) -> None:
    """Bring a head to every place; one that fails keeps no other from it.

    Raises:
        NotPublished: A place did not take it.
    """
    reached, failed = [], []
    for name, bring in places.items():
        try:
            bring(head)
            reached.append(name)
        except (MlregError, OSError) as error:
            failed.append(f"{name}: {one_line(str(error), 500)}")
    if failed:
        arrived = f" It is in {', '.join(reached)}." if reached else ""
        raise NotPublished(f"The head {head.text} did not arrive everywhere. {'; '.join(failed)}.{arrived}")


def _published_before(settings: AuditSettings) -> list[Published]:
    path = Path(settings.heads_file or "")
    return [published_in(path)] if settings.heads_file and path.exists() and path.stat().st_size else []


def _append(path: Path, head: Head) -> None:
    """One write at the end of the file, synced: two processes at once leave two whole lines."""
    line = f"{spelled(head)}\n".encode()
    with explained(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, private_files.OF_FILES)
        try:
            if os.write(descriptor, line) != len(line):
                raise NotAsWritten(f"{path} took a part of the line alone. Remove that part, then publish again.")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _request_time_stamp(folder: Path, head: Head) -> None:
    """The head as a file, and the request for a time stamp of it beside it."""
    name = f"head-{head.sequence}-{head.time[:19].replace(':', '').replace('-', '')}Z"
    content = f"{spelled(head)}\n".encode()
    with explained(folder):
        private_files.make_folder(folder)
        private_files.write(folder / f"{name}.jsonl", content)
        private_files.write(folder / f"{name}.tsq", request(content))


def _post(settings: AuditSettings, head: Head) -> None:
    from tenacity import Retrying, stop_after_attempt, wait_fixed

    line = spelled(head)
    url = settings.webhook_url or secret_of(settings.webhook_url_variable or "")
    content = {**msgspec.to_builtins(head), "text": line}
    retrying = Retrying(stop=stop_after_attempt(ATTEMPTS), wait=wait_fixed(WAIT_S), reraise=True)
    retrying(post_json, url, content, f"audit-head-{head.text}-{head.time}")
