"""What the days of a period are of; without the libraries of the documents, for the command line."""

from enum import StrEnum


class By(StrEnum):
    """What the days of a period are of; Dagster's launchpad takes the names."""

    market = "market"
    recording = "recording"
