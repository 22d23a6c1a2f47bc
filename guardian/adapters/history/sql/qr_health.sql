-- name: qr_health
-- title: Product codes
-- schedule: every day 02:03
-- description: What was done with product codes by day (UTC), and how many of their findings there were.
-- period: day
-- days: 2
WITH scans AS (
  SELECT *
  FROM qr_code_scans
  WHERE event_time >= @since AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, event_id ORDER BY seq) = 1
),
acts AS (
  SELECT
    DATE(event_time) AS day,
    site,
    COUNTIF(action = 'qr_scanned') AS scanned,
    COUNTIF(action = 'qr_issued') AS issued,
    COUNTIF(action = 'qr_regenerated') AS regenerated,
    COUNTIF(action = 'qr_consumed') AS used_up,
    COUNTIF(action = 'qr_revoked') AS revoked,
    COUNT(DISTINCT product_id) AS products
  FROM scans
  GROUP BY day, site
),
alerts AS (
  SELECT *
  FROM alerts_history
  WHERE event_time >= @since AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, alert_id ORDER BY revision DESC) = 1
),
found AS (
  SELECT
    DATE(event_time) AS day,
    site,
    COUNTIF(type = 'QR_CODE_TAMPERING') AS tampered,
    COUNTIF(type = 'QR_CODE_CLONED') AS cloned,
    COUNTIF(type = 'QR_LOCATION_MISMATCH') AS misplaced,
    COUNTIF(type = 'QR_MASS_REGENERATION') AS mass_regenerations
  FROM alerts
  WHERE status != 'cleared'
  GROUP BY day, site
)
SELECT
  a.day AS day,
  a.site AS site,
  a.scanned AS scanned,
  a.issued AS issued,
  a.regenerated AS regenerated,
  a.used_up AS used_up,
  a.revoked AS revoked,
  a.products AS products,
  IFNULL(f.tampered, 0) AS tampered,
  IFNULL(f.cloned, 0) AS cloned,
  IFNULL(f.misplaced, 0) AS misplaced,
  IFNULL(f.mass_regenerations, 0) AS mass_regenerations,
  IFNULL(f.tampered + f.cloned + f.misplaced, 0) / NULLIF(a.scanned, 0) AS bad_share
FROM acts AS a
LEFT JOIN found AS f ON f.day = a.day AND f.site = a.site
ORDER BY day, site
