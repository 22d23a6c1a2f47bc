-- name: daily_loss_summary
-- title: What was lost, by day
-- schedule: every day 02:03
-- description: Findings about theft, fraud and missing stock by day (UTC) and type, and what they come to in money.
-- period: day
-- days: 2
WITH alerts AS (
  SELECT *
  FROM alerts_history
  WHERE event_time >= @since AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, alert_id ORDER BY revision DESC) = 1
)
SELECT
  DATE(event_time) AS day,
  site,
  type,
  COUNT(*) AS alerts,
  COUNTIF(status = 'confirmed') AS confirmed,
  COUNTIF(status = 'suspected') AS suspected,
  COUNTIF(status = 'cleared') AS cleared,
  COUNTIF(status != 'cleared' AND severity IN ('high', 'critical')) AS serious,
  ROUND(SUM(IF(status = 'cleared', 0.0, IFNULL(value_at_risk, 0.0))), 2) AS value_at_risk,
  COUNTIF(status != 'cleared' AND value_at_risk IS NULL) AS without_value
FROM alerts
WHERE type NOT IN (
  'SYSTEM_CRASH', 'READ_ERRORS', 'LONG_QUEUE', 'LONG_WAIT', 'STAFFING_NEED', 'CHECKOUT_STATION_ACTION'
)
GROUP BY day, site, type
ORDER BY day, site, value_at_risk DESC, type
