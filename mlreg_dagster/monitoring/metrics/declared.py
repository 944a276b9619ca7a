"""Every metric that is exported: its name, kind, labels and meaning, by Prometheus' conventions.

Series stay few, whatever the market: no label holds an instrument, an hour or a run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "info"]


@dataclass(frozen=True)
class Metric:
    """A family of series.

    Attributes:
        name: As it is exported; a counter ends in `_total`, an info metric in `_info`.
        help: What it counts or measures, with its unit.
        labels: Their names.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """Its kind, by its name."""
        return "counter" if self.name.endswith("_total") else "info" if self.name.endswith("_info") else "gauge"


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("mlreg_build_info", "Release and registry schema.", ("release", "schema")),
        Metric("mlreg_export_timestamp_seconds", "When these numbers were read, seconds since 1970."),
        Metric("mlreg_part_unreadable", "1 where a part of the numbers could not be read this time.", ("part",)),
        Metric("mlreg_champion_info", "The version that holds an alias.", ("alias", "version", "detector")),
        Metric("mlreg_champion_since_timestamp_seconds", "From when on it holds the alias.", ("alias",)),
        Metric("mlreg_versions", "Versions by their status.", ("status",)),
        Metric("mlreg_alias_moves_total", "Moves of aliases that count.", ("alias",)),
        Metric("mlreg_newest_timestamp_seconds", "End of the newest partition of an asset.", ("asset",)),
        Metric("mlreg_job_last_run_failed", "1 where the last run of a job failed, 0 where not.", ("job",)),
        Metric("mlreg_suspended", "1 where no holder of the alias scores.", ("alias",)),
        Metric("mlreg_flagged_ratio", "Share that the champion flagged of its last day."),
        Metric("mlreg_flagged_limit_ratio", "The limits of that share.", ("bound",)),
        Metric("mlreg_scored_rows", "Rows out of sample that this share is of."),
        Metric("mlreg_champion_precision_ratio", "Share of the flags that were crashes.", ("of",)),
        Metric("mlreg_champion_recall_ratio", "Share of the crashes that were flagged.", ("of",)),
        Metric("mlreg_drift_state", "1 for the state of drift on the newest day that was judged.", ("state",)),
        Metric("mlreg_drift_day_timestamp_seconds", "End of the newest day that was judged."),
        Metric("mlreg_drift_feature_zscore", "Distance from quiet days, in standard deviations.", ("feature", "of")),
        Metric("mlreg_drift_feature_null_ratio", "Share of the rows without a value.", ("feature",)),
        Metric("mlreg_drift_quality", "Value of a measure of data quality on the newest day.", ("measure",)),
        Metric("mlreg_drift_quality_limit", "Its limits.", ("measure", "bound")),
        Metric("mlreg_drift_concept_difference", "Recall of the champion minus that of the opponent.", ("kind",)),
        Metric("mlreg_slo_seconds", "How old or late something is.", ("objective",)),
        Metric("mlreg_slo_limit_seconds", "How old or late it may be.", ("objective",)),
        Metric("mlreg_slo_met", "1 where an objective is met, 0 where it is missed; absent: unknown.", ("objective",)),
        Metric("mlreg_alerts", "Open alerts.", ("rule", "severity", "state")),
        Metric("mlreg_alert_events_total", "What happened to alerts.", ("event",)),
        Metric("mlreg_alert_messages_waiting", "Messages that a channel has not taken yet.", ("channel",)),
        Metric("mlreg_alert_oldest_waiting_timestamp_seconds", "Since when the oldest of them waits.", ("channel",)),
        Metric("mlreg_disk_free_bytes", "Free on the disk of the home."),
        Metric("mlreg_tables_bytes", "Size of the tables' file."),
    )
}
"""By name."""

MOST_SERIES = 500
"""All families together stay below, whatever is stored."""
