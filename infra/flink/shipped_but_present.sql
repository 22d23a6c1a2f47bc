-- SHIPPED_BUT_PRESENT: goods were marked as shipped, RFID still saw them within two minutes after that, and no
-- truck took them. One row an article and site, when it is certain: after the last truck could have come.
--
-- The shelf holds the goods if it counts all the marked units, or at least four of them, beyond what the books
-- leave there: what they said last, less what was marked since. Marks and trucks are as in
-- mass_shipment_fraud.sql.
--
-- Other than the engine: tells what the engine confirms, never a suspicion; does not look for goods that are
-- first seen later than that, at another place, or after their truck left; does not know how many units a
-- shelf has beyond the books all along; goods that go straight to in_transit are not looked for; records behind
-- the watermark are dropped.
--
-- A record sent twice is told by its event_id, time and content, and counts once.
INSERT INTO `flink-findings`
WITH once AS (
  SELECT window_time AS event_time, product_id, location, shipment_id, status, quantity, event_id
  FROM TABLE(TUMBLE(TABLE `inventory-digital`, DESCRIPTOR(event_time), INTERVAL '0.001' SECOND))
  WHERE status IN ('in_stock', 'shipped')
  GROUP BY window_start, window_end, window_time, product_id, location, shipment_id, status, quantity, event_id
),
records AS (
  SELECT
    event_time,
    product_id,
    location,
    shipment_id,
    status,
    CAST(quantity AS BIGINT) AS quantity,
    IF(status = 'in_stock', CAST(quantity AS BIGINT), CAST(NULL AS BIGINT)) AS given,
    CASE WHEN status <> 'shipped' THEN 0 WHEN quantity = 0 THEN 1000000000 ELSE quantity END AS gone
  FROM once
),
counted AS (
  SELECT
    event_time,
    product_id,
    location,
    shipment_id,
    status,
    quantity,
    given,
    SUM(gone) OVER so_far AS gone
  FROM records
  WINDOW so_far AS (PARTITION BY product_id, location ORDER BY event_time RANGE UNBOUNDED PRECEDING)
),
stated AS (
  SELECT
    event_time,
    product_id,
    location,
    shipment_id,
    status,
    quantity,
    LAST_VALUE(given) OVER so_far - gone + LAST_VALUE(IF(given IS NULL, given, gone)) OVER so_far AS units
  FROM counted
  WINDOW so_far AS (PARTITION BY product_id, location ORDER BY event_time RANGE UNBOUNDED PRECEDING)
),
marks AS (
  SELECT
    event_time,
    product_id,
    location,
    SPLIT_INDEX(location, '/', 0) AS site,
    COALESCE(shipment_id, '') AS shipment_id,
    quantity,
    GREATEST(COALESCE(units, 0), 0) AS left_over
  FROM stated
  WHERE status = 'shipped'
),
runs AS (
  SELECT
    shipment_id,
    window_time AS over_at,
    window_start AS first_mark,
    window_end - INTERVAL '10' MINUTE AS last_mark
  FROM TABLE(SESSION(TABLE marks PARTITION BY shipment_id, DESCRIPTOR(event_time), INTERVAL '10' MINUTE))
  GROUP BY shipment_id, window_start, window_end, window_time
),
trucks AS (
  SELECT left_.shipment_id, left_.event_time AS left_at, left_.goods, runs.first_mark, runs.last_mark
  FROM `shipping-logistics` AS left_
  JOIN runs
    ON left_.shipment_id = runs.shipment_id
    AND left_.event_time BETWEEN runs.over_at - INTERVAL '4' HOUR AND runs.over_at + INTERVAL '1' MINUTE
    AND CAST(left_.event_time AS TIMESTAMP(3))
      BETWEEN runs.first_mark - INTERVAL '10' MINUTE AND runs.last_mark + INTERVAL '10' MINUTE
),
untaken AS (
  SELECT marks.event_time, marks.product_id, marks.location, marks.site, marks.quantity, marks.left_over
  FROM marks
  LEFT JOIN trucks
    ON marks.shipment_id = trucks.shipment_id
    AND marks.event_time
      BETWEEN trucks.left_at - INTERVAL '70' MINUTE AND trucks.left_at + INTERVAL '70' MINUTE
    AND CAST(marks.event_time AS TIMESTAMP(3)) BETWEEN trucks.first_mark AND trucks.last_mark
    AND (trucks.goods = '[]' OR LOCATE('"' || marks.product_id || '"', trucks.goods) > 0)
  WHERE trucks.shipment_id IS NULL
),
seen AS (
  SELECT untaken.event_time, untaken.product_id, untaken.site, reading.event_time AS seen_at, reading.quantity
  FROM untaken
  JOIN `inventory-physical` AS reading
    ON untaken.product_id = reading.product_id
    AND untaken.location = reading.location
    AND reading.event_time BETWEEN untaken.event_time AND untaken.event_time + INTERVAL '2' MINUTE
  WHERE reading.rfid_detected
    AND reading.quantity - untaken.left_over >= IF(untaken.quantity = 0, 1, LEAST(untaken.quantity, 4))
)
SELECT
  'SHIPPED_BUT_PRESENT',
  product_id,
  site,
  MIN(event_time),
  MAX(CAST(seen_at AS TIMESTAMP_LTZ(3))),
  COUNT(*)
FROM TABLE(SESSION(TABLE seen PARTITION BY (product_id, site), DESCRIPTOR(event_time), INTERVAL '10' MINUTE))
GROUP BY product_id, site, window_start, window_end;
