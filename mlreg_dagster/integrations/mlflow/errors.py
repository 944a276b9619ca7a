"""What MLflow, its database and its server raise, in words and without a password."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.core.untrusted.redaction import blotted, password_in
from mlreg_dagster.integrations.mlflow.place import Place
from mlreg_dagster.storage.faults import explained

_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_USER = re.compile(r"//[^\s/?#]*@")


class MlflowNotInstalled(MlregError):
    """The extra is not there."""


class MlflowRefused(MlregError):
    """MLflow can't be reached, or does not do what it was asked."""


@contextmanager
def in_words(place: Place) -> Iterator[None]:
    """Turn what MLflow, its database and its server raise into a message without a password.

    Raises:
        MlflowRefused: Something was raised.
    """
    from google.protobuf.json_format import ParseError
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with explained(place.shown):
            yield
    except (MlflowException, RequestException, SQLAlchemyError, ModuleNotFoundError, ParseError) as error:
        words = (str(error).strip() or type(error).__name__).splitlines()[0][:500]
        words = blotted(words, [password_in(place.uri), *map(os.environ.get, _SECRETS)])
        words = _USER.sub("//", words.replace(place.uri, place.shown)).removesuffix(".")
        raise MlflowRefused(
            f"MLflow at {place.shown} does not do what it was asked: {words}. What was mirrored so far stays; run "
            f"mlreg mlflow sync again once that is fixed."
        ) from None
