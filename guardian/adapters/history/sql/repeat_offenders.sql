-- name: repeat_offenders
-- title: Who is in it again and again
-- schedule: every monday 03:03
-- description: People and stations that more than one finding names, with what it comes to. A reason to look, no verdict.
-- period: range
-- days: 28
WITH alerts AS (
  SELECT *
  FROM alerts_history
  WHERE event_time >= @since AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, alert_id ORDER BY revision DESC) = 1
),
findings AS (
  SELECT *
  FROM alerts
  WHERE status != 'cleared' AND type NOT IN (
    'SYSTEM_CRASH', 'READ_ERRORS', 'LONG_QUEUE', 'LONG_WAIT', 'STAFFING_NEED', 'CHECKOUT_STATION_ACTION'
  )
),
named AS (
  SELECT f.site AS site, 'employee' AS kind, employee_id AS id, f.type AS type, f.severity AS severity,
    f.event_time AS event_time, f.value_at_risk AS value_at_risk
  FROM findings AS f
  CROSS JOIN UNNEST(f.employee_ids) AS employee_id
  UNION ALL
  SELECT f.site AS site, 'station' AS kind, JSON_VALUE(f.evidence, '$.station_id') AS id, f.type AS type,
    f.severity AS severity, f.event_time AS event_time, f.value_at_risk AS value_at_risk
  FROM findings AS f
  WHERE JSON_VALUE(f.evidence, '$.station_id') IS NOT NULL
)
SELECT
  DATE(@since) AS since,
  DATE(@until) AS until,
  site,
  kind,
  id,
  COUNT(*) AS alerts,
  COUNT(DISTINCT type) AS types,
  COUNT(DISTINCT DATE(event_time)) AS days,
  COUNTIF(severity IN ('high', 'critical')) AS serious,
  ROUND(SUM(IFNULL(value_at_risk, 0.0)), 2) AS value_at_risk,
  MIN(event_time) AS first_at,
  MAX(event_time) AS last_at
FROM named
GROUP BY site, kind, id
HAVING COUNT(*) > 1
ORDER BY alerts DESC, value_at_risk DESC, site, kind, id
