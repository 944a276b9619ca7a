"""Addresses of registry pages about an asset or one of its partitions, for links from Dagster and between pages."""

import re

_HOUR = re.compile(r"\d{4}-\d\d-\d\d-\d\d:\d\d")
_VERSION = re.compile(r"v[1-9]\d*")
_OF_ASSETS = {
    "champion_model": "/champions",
    "candidate_model": "/models",
    "evaluated_model": "/models",
    "delivery_bundle": "/models",
    "data_quality_drift": "/drift",
    "feature_drift": "/drift",
    "prediction_drift": "/drift",
    "concept_drift": "/drift",
    "drift_decision": "/drift",
}


def page_of_asset(asset: str) -> str:
    """The page that says most about an asset; its cards, where there is no other."""
    return _OF_ASSETS.get(asset, cards_of(asset))


def page_of_partition(partition: str | None) -> str | None:
    """The page about an hour or a version; None: there is none about a partition of that kind."""
    if partition is None:
        return None
    if _HOUR.fullmatch(partition):
        return f"/hours/{partition}"
    return f"/versions/{partition}" if _VERSION.fullmatch(partition) else None


def cards_of(asset: str) -> str:
    """The page of an asset's pictures."""
    return f"/cards/{asset}"
