"""The SQL that finds the rows resting on an hour of the market; `rows` runs it, and says what its parameters mean.

One statement answers all, so that its counts are of one moment. It reads the hours alone that the hour can reach, and
those of the versions that were trained on it: files of other hours stay closed.
"""

from mlreg_dagster.outcomes.names import RANKING

OF_INSTRUMENT = "($instrument::VARCHAR IS NULL OR {0}.instrument_id = $instrument::VARCHAR)"
_NEAR = "{0}.hour BETWEEN $hour AND $hour + to_hours($reach::BIGINT)"
_DUE_NEAR = "o.hour >= $hour AND o.prediction_hour <= $hour + to_hours(greatest($reach::BIGINT, $fall_hours))"
_JUDGED = f"""
    SELECT o.hour, o.prediction_hour, o.instrument_id, o.model_version, o.is_anomaly, CASE
        WHEN {OF_INSTRUMENT.format("o")} AND ($hour = o.prediction_hour OR $hour BETWEEN {{label_from}} AND o.hour)
            THEN 'label'
        WHEN {OF_INSTRUMENT.format("o")} AND $hour BETWEEN o.prediction_hour - to_hours($fall_hours) AND o.hour
            THEN 'price'
        ELSE a.through END AS through
    FROM {{outcomes}} o LEFT JOIN affected a
        ON a.hour = o.prediction_hour AND a.instrument_id = o.instrument_id AND a.model_version = o.model_version"""  # noqa: S608
_STEPS = f"""
WITH rules AS (
    SELECT unnest($versions::VARCHAR[]) AS model_version, unnest($feature_hours::BIGINT[]) AS feature_hours,
        unnest($threshold_hours::BIGINT[]) AS threshold_hours, unnest($shared::BOOLEAN[]) AS shared,
        unnest($trained::BOOLEAN[]) AS trained
),
scored AS MATERIALIZED (
    SELECT p.hour, p.instrument_id, p.model_version, p.artifact_sha256, p.role, p.is_anomaly, r.threshold_hours,
        r.trained, p.in_sample AND NOT starts_with(p.model_version, '{RANKING}:') AS has_frozen_threshold,
        p.hour <= $hour + to_hours(r.feature_hours) AND (r.shared OR {OF_INSTRUMENT.format("p")}) AS by_features
    FROM {{predictions}} p JOIN rules r USING (model_version) WHERE {_NEAR.format("p")}
),
moved AS (
    SELECT DISTINCT model_version, artifact_sha256, hour FROM scored WHERE by_features AND NOT has_frozen_threshold
),
thresholds AS MATERIALIZED (
    SELECT DISTINCT s.model_version, s.artifact_sha256, s.hour
    FROM (
        SELECT DISTINCT model_version, artifact_sha256, hour, threshold_hours FROM scored
        WHERE NOT has_frozen_threshold AND threshold_hours > 0
    ) s JOIN moved m ON m.model_version = s.model_version AND m.artifact_sha256 = s.artifact_sha256
        AND m.hour BETWEEN s.hour - to_hours(s.threshold_hours - 1) AND s.hour
),
affected AS MATERIALIZED (
    SELECT * FROM (
        SELECT s.hour, s.instrument_id, s.model_version, s.role, s.is_anomaly, CASE WHEN s.by_features THEN 'features'
            WHEN t.hour IS NOT NULL AND NOT s.has_frozen_threshold THEN 'threshold'
            WHEN s.trained THEN 'training' END AS through
        FROM scored s LEFT JOIN thresholds t USING (model_version, artifact_sha256, hour)
    ) WHERE through IS NOT NULL
    UNION ALL
    SELECT p.hour, p.instrument_id, p.model_version, p.role, p.is_anomaly, 'training' AS through
    FROM {{predictions}} p WHERE {{trained_prediction}} AND NOT {_NEAR.format("p")}
),
judged AS MATERIALIZED (
    SELECT * FROM ({_JUDGED} WHERE {_DUE_NEAR}) WHERE through IS NOT NULL
    UNION ALL
    SELECT * FROM ({_JUDGED} WHERE {{trained_outcome}} AND NOT ({_DUE_NEAR})) WHERE through IS NOT NULL
)"""  # noqa: S608 - names of ours
_SERVED = f"""
SELECT s.hour, s.model_version, s.is_anomaly, CASE
    WHEN s.market_hour BETWEEN $hour AND $hour + to_hours(r.feature_hours)
        AND (r.shared OR {OF_INSTRUMENT.format("s")}) THEN 'features'
    WHEN t.hour IS NOT NULL THEN 'threshold'
    WHEN r.trained THEN 'training'
    WHEN s.market_hour IS NULL AND s.hour BETWEEN $hour AND $hour + to_hours(r.feature_hours + 1) THEN 'unknown'
    WHEN s.market_hour BETWEEN $hour AND $hour + to_hours(r.feature_hours)
        AND NOT (s.instrument_id IS NOT NULL OR $instrument::VARCHAR IS NULL OR r.shared) THEN 'unknown'
    END AS through
FROM {{served}} s JOIN rules r USING (model_version)
LEFT JOIN thresholds t ON t.model_version = s.model_version
    AND t.artifact_sha256 = s.artifact_sha256 AND t.hour = s.threshold_hour"""  # noqa: S608 - names of ours


_REASONS = f"SELECT * FROM {{reasons}} r WHERE {_NEAR.format('r')} OR {{trained_reason}}"  # noqa: S608 - names of ours


def _counted(kind: str, source: str) -> str:
    return f"""
SELECT '{kind}' AS kind, model_version AS version, through, '' AS role, min(hour) AS first, max(hour) AS last,
    count(DISTINCT hour) AS hours, count(*) AS rows, count(*) FILTER (is_anomaly) AS flagged
FROM {source} WHERE through IS NOT NULL GROUP BY model_version, through"""  # noqa: S608 - names of ours


RESTING = f"""{_STEPS}
{_counted("predictions", "affected")}
UNION ALL
{_counted("reasons", f"(SELECT * FROM affected SEMI JOIN ({_REASONS}) r USING (hour, instrument_id, model_version))")}
UNION ALL
{_counted("outcomes", "judged")}
UNION ALL
{_counted("served", f"({_SERVED})")}
UNION ALL
SELECT DISTINCT 'hours', model_version, '', role, hour, hour, 1, 0, 0 FROM affected
WHERE through IN ('features', 'threshold')
UNION ALL
SELECT 'judged', model_version, '', '', min(prediction_hour), max(prediction_hour), 0, 0, 0 FROM judged
GROUP BY model_version
ORDER BY kind, version, through"""  # noqa: S608 - names of ours
"""All counts by kind, version and way; of kind `hours` each hour whose predictions rest on it by more than training;
of kind `judged` the first and the last hour whose predictions have outcomes that rest on it."""

PAIRS = f"""{_STEPS},
usable AS (
    SELECT o.prediction_hour, o.instrument_id, o.hour, o.model_version, j.through
    FROM {{outcomes}} o LEFT JOIN judged j USING (hour, instrument_id, model_version)
    WHERE o.model_version IN ($candidate, $champion) AND NOT o.in_sample AND o.outcome <> $unresolved
        AND o.hour >= $opened AND o.prediction_hour >= $opened
)
SELECT count(*) FILTER (c.through IS NOT NULL OR o.through IS NOT NULL) AS resting, count(*) AS pairs
FROM (SELECT * FROM usable WHERE model_version = $candidate AND ($last IS NULL OR hour <= $last)) c
JOIN (SELECT * FROM usable WHERE model_version = $champion) o USING (prediction_hour, instrument_id)"""  # noqa: S608
"""Of the pairs of a rollout, how many rest on the hour, and how many there are."""
