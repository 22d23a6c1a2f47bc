-- name: stock_accuracy
-- title: How well books and shelves agree
-- schedule: every day 02:03
-- description: By location, what the books and the sensors said last of each article, and how far they are apart.
-- period: range
-- days: 1
WITH records AS (
  SELECT *
  FROM inventory_digital
  WHERE event_time >= @since AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (PARTITION BY site, event_id ORDER BY seq) = 1
),
stated AS (
  SELECT site, location, product_id, quantity, event_time
  FROM records
  WHERE status = 'in_stock'
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY site, location, product_id ORDER BY event_time DESC, seq DESC
  ) = 1
),
marked AS (
  -- Marked as gone since then; no units marked means all there are.
  SELECT r.site AS site, r.location AS location, r.product_id AS product_id,
    SUM(IF(r.quantity = 0, d.quantity, r.quantity)) AS quantity
  FROM records AS r
  JOIN stated AS d ON d.site = r.site AND d.location = r.location AND d.product_id = r.product_id
  WHERE r.status = 'shipped' AND r.event_time > d.event_time
  GROUP BY r.site, r.location, r.product_id
),
books AS (
  SELECT d.site AS site, d.location AS location, d.product_id AS product_id,
    GREATEST(d.quantity - IFNULL(m.quantity, 0), 0) AS quantity
  FROM stated AS d
  LEFT JOIN marked AS m ON m.site = d.site AND m.location = d.location AND m.product_id = d.product_id
),
shelves AS (
  SELECT site, location, product_id, quantity
  FROM inventory_physical
  WHERE event_time >= @since AND event_time < @until AND @site IN ('', site)
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY site, location, product_id ORDER BY event_time DESC, seq DESC
  ) = 1
)
SELECT
  DATE(@since) AS since,
  DATE(@until) AS until,
  b.site AS site,
  b.location AS location,
  COUNT(*) AS products,
  COUNTIF(b.quantity = s.quantity) AS exact,
  SUM(b.quantity) AS units_on_books,
  SUM(s.quantity) AS units_on_shelf,
  SUM(ABS(b.quantity - s.quantity)) AS units_apart,
  SUM(GREATEST(b.quantity - s.quantity, 0)) AS units_missing,
  1 - SUM(ABS(b.quantity - s.quantity)) / NULLIF(SUM(GREATEST(b.quantity, s.quantity)), 0) AS accuracy
FROM books AS b
JOIN shelves AS s ON s.site = b.site AND s.location = b.location AND s.product_id = b.product_id
GROUP BY b.site, b.location
ORDER BY units_apart DESC, site, location
