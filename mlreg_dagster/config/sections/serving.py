"""serving.yaml: what the HTTP server serves, how it follows the registry, and what it bears."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mlreg_dagster.config.section import Count, Section, Share

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class LimitSettings(Section):
    """limits: what a client may ask for; what is beyond is refused, not queued."""

    body_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = Field(4 << 20, description="Largest body of a request.")
    rows: Annotated[int, Field(ge=1, le=1_000_000)] = Field(4096, description="Most rows of a request.")
    concurrent_requests: Count = Field(128, description="Requests at once; further ones get a 503.")
    connections: Count = Field(2048, description="Connections at once; further ones are closed.")
    header_seconds: Seconds = Field(5.0, description="Time in which the header of a request has to arrive.")
    body_seconds: Seconds = Field(10.0, description="Time in which the body of a request has to arrive.")
    idle_seconds: Seconds = Field(75.0, description="Time that a connection may stay open between two requests.")
    request_seconds: Seconds = Field(30.0, description="Time in which an answer has to be made.")
    shutdown_seconds: Seconds = Field(20.0, description="Time that requests under way get when the server is stopped.")


class PredictionLogSettings(Section):
    """log: one JSON line an answer, written before the answer leaves."""

    enabled: bool = Field(True, description="Whether answers are logged; without, served_predictions stays empty.")
    on_failure: Literal["strict", "shed"] = Field(
        "strict",
        description="A line can't be written in time: strict refuses the request (503), shed answers and counts.",
    )
    slow_seconds: Seconds = Field(0.5, description="A write that takes longer counts as failed.")
    shed_budget: Share = Field(0.01, description="Share of the answers of 5 minutes without a line; above, not ready.")
    segment_bytes: Annotated[int, Field(ge=1 << 16, le=1 << 32)] = Field(64 << 20, description="Size of a segment.")
    segment_seconds: Seconds = Field(60.0, description="Age at which a segment is sealed.")
    fsync: Literal["never", "each"] = Field(
        "never", description="each: every line also survives a loss of power, at the speed of the disk."
    )


class ServingSettings(Section):
    """serving.yaml."""

    alias: str = Field("champion", description="What is served where a request names no model.")
    aliases: list[str] = Field(["champion", "challenger"], description="Aliases that are kept loaded.")
    poll_seconds: Annotated[float, Field(ge=0.05, le=60)] = Field(0.5, description="How often the registry is asked.")
    versions_kept: Count = Field(4, description="Versions that were asked for by name and stay loaded.")
    walk_from_rows: Count = Field(16, description="Rows from which a forest is walked by the compiled loop.")
    warn_after_hours: Seconds = Field(2.5, description="Age of an hour of features from which an answer says stale.")
    refuse_after_hours: Seconds = Field(6.0, description="Age of an hour of features from which it is refused.")
    limits: LimitSettings = LimitSettings()
    log: PredictionLogSettings = PredictionLogSettings()

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.alias not in self.aliases:
            raise ValueError(f"alias ({self.alias}) has to be one of aliases: {', '.join(self.aliases)}")
        if self.warn_after_hours > self.refuse_after_hours:
            raise ValueError("warn_after_hours must be at most refuse_after_hours")
        return self
