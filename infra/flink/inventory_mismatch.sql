-- INVENTORY_MISMATCH: a shelf counts over 5 units more or fewer than everything the books said from two minutes
-- before until two minutes after. One row a wrong reading, as soon as those two minutes are over.
--
-- A record in stock says how many units there are; one that marks goods as shipped takes as many off (all, if
-- it names no number) until the books are given anew. Only readings with a record that near are judged: the
-- books were known to be alive then.
--
-- Other than the engine: a row a reading, not one finding that grows; a reading is not carried over to the next
-- one when the shelf had not followed the books by then; marked goods may stand there for 70 minutes, while
-- the engine looks whether they do; goods that go straight
-- to in_transit stay on the books; records behind the watermark are dropped.
--
-- A record sent twice is told by its event_id, time and content, and counts once.
INSERT INTO `flink-findings`
WITH once AS (
  SELECT window_time AS event_time, product_id, location, status, quantity, event_id
  FROM TABLE(TUMBLE(TABLE `inventory-digital`, DESCRIPTOR(event_time), INTERVAL '0.001' SECOND))
  WHERE status IN ('in_stock', 'shipped')
  GROUP BY window_start, window_end, window_time, product_id, location, status, quantity, event_id
),
records AS (
  SELECT
    event_time,
    product_id,
    location,
    IF(status = 'in_stock', CAST(quantity AS BIGINT), CAST(NULL AS BIGINT)) AS given,
    CASE WHEN status <> 'shipped' THEN 0 WHEN quantity = 0 THEN 1000000000 ELSE quantity END AS gone
  FROM once
),
counted AS (
  SELECT event_time, product_id, location, given, SUM(gone) OVER so_far AS gone
  FROM records
  WINDOW so_far AS (PARTITION BY product_id, location ORDER BY event_time RANGE UNBOUNDED PRECEDING)
),
stated AS (
  SELECT
    event_time,
    product_id,
    location,
    given,
    LAST_VALUE(given) OVER so_far - gone + LAST_VALUE(IF(given IS NULL, given, gone)) OVER so_far AS units
  FROM counted
  WINDOW so_far AS (PARTITION BY product_id, location ORDER BY event_time RANGE UNBOUNDED PRECEDING)
),
levels AS (
  SELECT
    event_time,
    product_id,
    location,
    given,
    GREATEST(units, 0) AS units,
    GREATEST(LAG(units, 1, units) OVER (PARTITION BY product_id, location ORDER BY event_time), 0) AS before
  FROM stated
  WHERE units IS NOT NULL
),
waiting AS (
  SELECT
    event_time,
    product_id,
    location,
    units,
    before,
    SUM(IF(given IS NULL, before - units, 0)) OVER truck_time - IF(given IS NULL, before - units, 0) AS standing
  FROM levels
  WINDOW truck_time AS (
    PARTITION BY product_id, location ORDER BY event_time
    RANGE BETWEEN INTERVAL '70' MINUTE PRECEDING AND CURRENT ROW
  )
),
around AS (
  SELECT
    reading.event_time,
    reading.product_id,
    reading.location,
    reading.quantity,
    reading.event_id,
    LEAST(waiting.units, waiting.before) AS low,
    GREATEST(waiting.units, waiting.before) AS high,
    waiting.standing
  FROM `inventory-physical` AS reading
  JOIN waiting
    ON reading.product_id = waiting.product_id
    AND reading.location = waiting.location
    AND waiting.event_time
      BETWEEN reading.event_time - INTERVAL '2' MINUTE AND reading.event_time + INTERVAL '2' MINUTE
)
SELECT
  'INVENTORY_MISMATCH',
  product_id,
  location,
  MIN(event_time),
  MAX(event_time),
  GREATEST(MIN(low) - quantity, quantity - MAX(high) - MIN(standing))
FROM TABLE(TUMBLE(TABLE around, DESCRIPTOR(event_time), INTERVAL '1' SECOND))
GROUP BY window_start, window_end, product_id, location, quantity, event_id
HAVING GREATEST(MIN(low) - quantity, quantity - MAX(high) - MIN(standing)) > 5;
