"""features.yaml: what is derived from the snapshots."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from mlreg_dagster.config.section import Section, Share


def canonical(values: Mapping[str, Any]) -> str:
    """Settings in one line of JSON, in whichever order they come."""
    return json.dumps(values, sort_keys=True)


class FeatureSettings(Section):
    """features.yaml: lags and windows, all in hours of clock time."""

    lag_hours: tuple[Annotated[int, Field(ge=1, le=168)], ...] = (1, 6, 24)
    rolling_hours: tuple[Annotated[int, Field(ge=2, le=168)], ...] = (6, 24)
    min_window_share: Share = Field(0.5, description="Observed share of a window, below which it is null.")
    own: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        {}, description="Features of plug-ins, by name: the version that is asked for."
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without plug-ins' features nothing is said of them, so that rows of before there were any stay the same."""
        values: dict[str, Any] = serialize(self)
        if not self.own:
            values.pop("own", None)
        return values

    @property
    def text(self) -> str:
        """All values in one line of JSON, the same for the same values: each row of features stores it."""
        return canonical(self.model_dump(mode="json"))

    @property
    def fingerprint(self) -> str:
        """A short hash of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]
