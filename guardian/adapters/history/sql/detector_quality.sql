-- name: detector_quality
-- title: How good the detectors are
-- schedule: every monday 03:03
-- description: Alerts by detector, what the machine and people found them to be, and how soon they were raised.
-- period: range
-- days: 7
WITH alerts AS (
  SELECT
    *,
    TIMESTAMP_DIFF(detected_at, event_time, MILLISECOND) / 1000 AS latency_s
  FROM alerts_history
  WHERE event_time >= @since AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, alert_id ORDER BY revision DESC) = 1
),
handled AS (
  SELECT site, alert_id, workflow, resolution
  FROM fraud_incidents
  WHERE event_time >= @since AND event_time < @until
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, alert_id ORDER BY revision DESC) = 1
),
ranked AS (
  SELECT
    a.site AS site,
    a.type AS detector,
    a.status AS status,
    a.latency_s AS latency_s,
    IFNULL(h.workflow, 'open') AS workflow,
    IFNULL(h.resolution, '') AS resolution,
    ROW_NUMBER() OVER (PARTITION BY a.site, a.type ORDER BY a.latency_s, a.alert_id) AS place,
    COUNT(*) OVER (PARTITION BY a.site, a.type) AS places
  FROM alerts AS a
  LEFT JOIN handled AS h ON h.site = a.site AND h.alert_id = a.alert_id
)
SELECT
  DATE(@since) AS since,
  DATE(@until) AS until,
  site,
  detector,
  COUNT(*) AS alerts,
  COUNTIF(status = 'confirmed') AS confirmed,
  COUNTIF(status = 'suspected') AS suspected,
  COUNTIF(status = 'cleared') AS cleared,
  COUNTIF(workflow = 'resolved') AS resolved,
  COUNTIF(resolution = 'true_positive') AS true_positive,
  COUNTIF(resolution = 'false_positive') AS false_positive,
  COUNTIF(resolution = 'true_positive') / NULLIF(COUNTIF(resolution != ''), 0) AS judged_right,
  MIN(IF(place * 2 >= places, latency_s, NULL)) AS latency_p50_s,
  MIN(IF(place * 20 >= places * 19, latency_s, NULL)) AS latency_p95_s
FROM ranked
GROUP BY site, detector
ORDER BY alerts DESC, site, detector
