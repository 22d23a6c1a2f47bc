-- name: late_and_quarantined
-- title: What came late or could not be used
-- schedule: every day 02:03
-- description: Records by day (UTC) and stream; those that could not be used, with the most frequent reason; late ones, of all streams together.
-- period: day
-- days: 2
WITH counted AS (
  SELECT *
  FROM system_metrics
  WHERE event_time >= @since AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, metric_id ORDER BY event_time) = 1
),
refused AS (
  SELECT *
  FROM quarantine
  WHERE event_time >= @since AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, record_id ORDER BY event_time) = 1
),
reasons AS (
  SELECT
    DATE(event_time) AS day,
    site,
    IFNULL(topic, 'unknown') AS stream,
    reason,
    COUNT(*) AS times
  FROM refused
  GROUP BY day, site, stream, reason
),
most_frequent AS (
  SELECT day, site, stream, reason, SUM(times) OVER (PARTITION BY day, site, stream) AS records
  FROM reasons
  WHERE times > 0
  QUALIFY ROW_NUMBER() OVER (PARTITION BY day, site, stream ORDER BY times DESC, reason) = 1
),
by_stream AS (
  SELECT DATE(event_time) AS day, site, SUBSTR(name, 8) AS stream, SUM(value) AS records
  FROM counted
  WHERE STARTS_WITH(name, 'events.')
  GROUP BY day, site, stream
),
streams AS (
  SELECT day, site, stream FROM by_stream
  UNION DISTINCT
  SELECT day, site, stream FROM most_frequent
),
of_all AS (
  SELECT
    DATE(event_time) AS day,
    site,
    SUM(IF(STARTS_WITH(name, 'events.'), value, 0)) AS records,
    SUM(IF(name = 'quarantined', value, 0)) AS quarantined,
    SUM(IF(name = 'late', value, 0)) AS late
  FROM counted
  GROUP BY day, site
)
SELECT
  day,
  site,
  'all' AS stream,
  records + quarantined AS records,
  quarantined,
  quarantined / NULLIF(records + quarantined, 0) AS quarantined_share,
  late,
  CAST(NULL AS STRING) AS most_frequent_reason
FROM of_all
UNION ALL
SELECT
  s.day AS day,
  s.site AS site,
  s.stream AS stream,
  IFNULL(b.records, 0) + IFNULL(m.records, 0) AS records,
  IFNULL(m.records, 0) AS quarantined,
  IFNULL(m.records, 0) / NULLIF(IFNULL(b.records, 0) + IFNULL(m.records, 0), 0) AS quarantined_share,
  CAST(NULL AS INT64) AS late,
  m.reason AS most_frequent_reason
FROM streams AS s
LEFT JOIN by_stream AS b ON b.day = s.day AND b.site = s.site AND b.stream = s.stream
LEFT JOIN most_frequent AS m ON m.day = s.day AND m.site = s.site AND m.stream = s.stream
ORDER BY day, site, stream
