-- name: weekly_executive_summary
-- title: The week
-- schedule: every monday 03:03
-- description: By week (from Monday, UTC) and site, what was found, what it comes to, what was done about it, and how it was the week before.
-- period: week
-- days: 7
WITH alerts AS (
  -- Weeks are whole, and the one before the first is there to compare with.
  SELECT *, CAST(DATE_TRUNC(DATE(event_time), WEEK(MONDAY)) AS DATE) AS week
  FROM alerts_history
  WHERE event_time >= TIMESTAMP_SUB(TIMESTAMP_TRUNC(@since, WEEK(MONDAY)), INTERVAL 7 DAY)
    AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, alert_id ORDER BY revision DESC) = 1
),
handled AS (
  SELECT site, alert_id, workflow, resolution
  FROM fraud_incidents
  WHERE event_time >= TIMESTAMP_SUB(TIMESTAMP_TRUNC(@since, WEEK(MONDAY)), INTERVAL 7 DAY)
    AND event_time < @until
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, alert_id ORDER BY revision DESC) = 1
),
weeks AS (
  SELECT
    a.week AS week,
    a.site AS site,
    COUNTIF(a.status != 'cleared') AS findings,
    COUNTIF(a.status != 'cleared' AND a.severity = 'critical') AS critical,
    COUNTIF(a.status = 'confirmed') AS confirmed,
    COUNTIF(a.status = 'cleared') AS cleared,
    ROUND(SUM(IF(a.status = 'cleared', 0.0, IFNULL(a.value_at_risk, 0.0))), 2) AS value_at_risk,
    COUNTIF(IFNULL(h.workflow, '') = 'resolved') AS resolved,
    COUNTIF(IFNULL(h.resolution, '') = 'false_positive') AS false_positive
  FROM alerts AS a
  LEFT JOIN handled AS h ON h.site = a.site AND h.alert_id = a.alert_id
  GROUP BY a.week, a.site
),
types AS (
  SELECT week, site, type, COUNT(*) AS times
  FROM alerts
  WHERE status != 'cleared'
  GROUP BY week, site, type
),
top AS (
  SELECT week, site, type
  FROM types
  WHERE times > 0
  QUALIFY ROW_NUMBER() OVER (PARTITION BY week, site ORDER BY times DESC, type) = 1
),
compared AS (
  SELECT
    w.week AS week,
    w.site AS site,
    w.findings AS findings,
    LAG(w.findings) OVER (PARTITION BY w.site ORDER BY w.week) AS findings_before,
    w.critical AS critical,
    w.confirmed AS confirmed,
    w.cleared AS cleared,
    w.value_at_risk AS value_at_risk,
    LAG(w.value_at_risk) OVER (PARTITION BY w.site ORDER BY w.week) AS value_at_risk_before,
    w.resolved AS resolved,
    w.false_positive AS false_positive,
    t.type AS most_frequent
  FROM weeks AS w
  LEFT JOIN top AS t ON t.week = w.week AND t.site = w.site
)
SELECT *
FROM compared
WHERE week >= DATE_TRUNC(DATE(@since), WEEK(MONDAY))
ORDER BY week, site
