"""Requests and answers of a server as `client.online` sends and reads them: the Open Inference Protocol in JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import httpx
import numpy as np

from mlreg_dagster.core.errors import MlregError, TransientError
from mlreg_dagster.core.times import read_time
from mlreg_dagster.core.untrusted.http import Answer
from mlreg_dagster.core.untrusted.redaction import blotted
from mlreg_dagster.core.untrusted.text import one_line

if TYPE_CHECKING:
    import pandas as pd

INSTRUMENT, HOUR = "instrument_id", "hour"
_LONGEST_WAIT_S = 30.0
_LONGEST_SHOWN = 300
_LONGEST_SECONDS = 6
_LASTING = ("stale_hour", "no_latest_hour", "suspended")  # which a moment does not change


class ServerRefused(MlregError):
    """The server does not answer this request; asking again would not help.

    Attributes:
        status: Of HTTP.
        code: The server's word for the problem, such as `unknown_instrument`; empty where another server answered.
    """

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class ServerUnavailable(TransientError):
    """No answer came; whether the server scored the rows, and wrote it into its log, may be unknown."""


class TryAgain(ServerUnavailable):
    """The server certainly did not answer; `wait_s` is how long it asks to wait, None: it does not say."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True)
class OnlineScores:
    """An answer of a server.

    Attributes:
        rows: `score`, `is_anomaly`, `distance` (score - threshold), `training_quantile` (null where unknown) and, where
            they were asked for, `reasons`; on the index of the rows that were asked, or by instrument.
        version: That scored, all rows alike.
        artifact_sha256: The hash of its bundle.
        alias: By which it was asked; None for a version.
        alias_sequence: The alias event that the answer follows.
        threshold: Scores above it are anomalies.
        threshold_policy: The flag policy of the version.
        threshold_source: `hour`: the hourly predictions used it; `training`: it is that of the training rows.
        threshold_hour: The hour that it is from.
        answer_id: The server's id of the answer, as in `served_predictions`.
        request_id: The client's.
        knowledge_age_seconds: How long ago the server last read the registry.
        stale: The rows are of an hour that is older than answers should be.
        arm: `champion` or `candidate` of a rollout; None where the answer is part of none.
        traffic_sequence: The change of the traffic of the alias that the answer follows.
        suspended: The version that holds the alias and is suspended; the holder before it has answered. None: the alias
            is not suspended.
    """

    rows: "pd.DataFrame"
    version: str
    artifact_sha256: str
    alias: str | None
    alias_sequence: int | None
    threshold: float
    threshold_policy: str
    threshold_source: str
    threshold_hour: datetime | None
    answer_id: str
    request_id: str | None
    knowledge_age_seconds: float
    stale: bool
    arm: str | None = None
    traffic_sequence: int | None = None
    suspended: str | None = None


def tensor(name: str, values: Any) -> dict[str, Any]:
    """A column as an input.

    Raises:
        ServerRefused: It holds something that can't be sent.
    """
    if name in (INSTRUMENT, HOUR):
        texts = [each.isoformat() if isinstance(each, datetime) else str(each) for each in values]
        return {"name": name, "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    try:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        raise ServerRefused(f"The column {one_line(name, _LONGEST_SHOWN)} holds something else than numbers.") from None
    if np.isinf(numbers).any():
        raise ServerRefused(f"The column {one_line(name, _LONGEST_SHOWN)} has infinite values. Leave them null.")
    data = [None if value != value else value for value in numbers.tolist()]
    return {"name": name, "shape": [len(data)], "datatype": "FP64", "data": data}


def read_scores(answered: Any, rows: "pd.DataFrame | Sequence[str]", url: str) -> OnlineScores:
    """An answer, on the index of the rows that were asked.

    Raises:
        ServerRefused: It has another form.
    """
    import pandas as pd

    index = rows.index if isinstance(rows, pd.DataFrame) else pd.Index(list(rows), name=INSTRUMENT)
    try:
        found = {each["name"]: each["data"] for each in answered["outputs"]}
        return _scores(answered, answered["parameters"], _frame(found, index))
    except (LookupError, TypeError, ValueError, AttributeError):
        refuse_form(url)


def _frame(found: Mapping[str, Any], index: "pd.Index[Any]") -> "pd.DataFrame":
    import pandas as pd

    columns = {
        "score": pd.Series(found["score"], index, dtype="float64"),
        "is_anomaly": pd.Series(found["is_anomaly"], index, dtype="bool"),
        "distance": pd.Series(found["distance"], index, dtype="float64"),
        "training_quantile": pd.Series(found.get("training_quantile"), index, dtype="float64"),
    }
    if "reasons" in found:
        columns["reasons"] = pd.Series([json.loads(each) for each in found["reasons"]], index, dtype="object")
    return pd.DataFrame(columns)


def _scores(answered: Mapping[str, Any], about: Mapping[str, Any], frame: "pd.DataFrame") -> OnlineScores:
    hour = about.get("threshold_hour")
    return OnlineScores(
        rows=frame,
        version=answered["model_version"],
        artifact_sha256=about["artifact_sha256"],
        alias=about.get("alias"),
        alias_sequence=about.get("alias_sequence"),
        threshold=about["threshold"],
        threshold_policy=about["threshold_policy"],
        threshold_source=about["threshold_source"],
        threshold_hour=None if hour is None else read_time(hour),
        answer_id=about["answer_id"],
        request_id=answered.get("id"),
        knowledge_age_seconds=about["knowledge_age_seconds"],
        stale=bool(about.get("stale", False)),
        arm=about.get("arm"),
        traffic_sequence=about.get("traffic_sequence"),
        suspended=about.get("suspended"),
    )


def refuse_form(url: str) -> NoReturn:
    """Say that an answer is none of a server of models."""
    raise ServerRefused(f"{url} answers in another form than a server of models does. Is it the port of mlreg serve?")


def error_of(answer: Answer, url: str, key: str | None) -> MlregError:
    """The error that a problem document describes; a `TryAgain` where the server certainly did not answer."""
    try:
        problem = json.loads(answer.body)
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, LookupError, TypeError):
        code, detail = "", answer.body.decode(errors="replace")
    told = f"{url}: HTTP {answer.status}: {one_line(blotted(detail, [key]), 4 * _LONGEST_SHOWN)}"
    is_busy = answer.status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
    if not is_busy or code in _LASTING:
        return ServerRefused(told, answer.status, code)
    asked = answer.headers.get("Retry-After", "").strip()
    wait_s = float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < _LONGEST_SECONDS else None
    if wait_s is not None and wait_s > _LONGEST_WAIT_S:
        return ServerUnavailable(f"{told} It asks to wait {wait_s:.0f} s; ask again then.")
    return TryAgain(told, wait_s)
