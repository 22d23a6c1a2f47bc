-- name: heat_map
-- title: When it happens
-- schedule: every monday 03:03
-- description: Findings by weekday, shift and hour of the site's own clock.
-- period: range
-- days: 28
WITH alerts AS (
  SELECT *
  FROM alerts_history
  WHERE event_time >= @since AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, alert_id ORDER BY revision DESC) = 1
),
placed AS (
  SELECT
    site,
    -- Monday is 1: counted from a Monday, since weekdays are numbered in more than one way.
    MOD(DATE_DIFF(DATE(local_time), DATE '2001-01-01', DAY), 7) + 1 AS weekday,
    EXTRACT(HOUR FROM local_time) AS hour,
    severity,
    value_at_risk
  FROM alerts
  WHERE status != 'cleared'
)
SELECT
  DATE(@since) AS since,
  DATE(@until) AS until,
  site,
  weekday,
  hour,
  CASE WHEN hour >= 6 AND hour < 14 THEN 'early' WHEN hour >= 14 AND hour < 22 THEN 'late' ELSE 'night' END AS shift,
  COUNT(*) AS alerts,
  COUNTIF(severity IN ('high', 'critical')) AS serious,
  ROUND(SUM(IFNULL(value_at_risk, 0.0)), 2) AS value_at_risk
FROM placed
GROUP BY site, weekday, hour
ORDER BY site, weekday, hour
