-- What the shelves hold: every five minutes, of each location, the articles its sensors told of, and how many
-- units of them there were by the last reading of each in these minutes.
--
-- Other than the engine's STOCK_LEVELS: kept by location, not by article; says nothing of the books; a location
-- without a reading in five minutes has no row.
INSERT INTO `flink-inventory-by-location`
WITH readings AS (
  SELECT
    window_start,
    window_end,
    location,
    product_id,
    quantity,
    ROW_NUMBER() OVER (
      PARTITION BY window_start, window_end, location, product_id ORDER BY event_time DESC, quantity DESC
    ) AS place
  FROM TABLE(TUMBLE(TABLE `inventory-physical`, DESCRIPTOR(event_time), INTERVAL '5' MINUTE))
)
SELECT
  location,
  CAST(window_start AS TIMESTAMP_LTZ(3)),
  CAST(window_end AS TIMESTAMP_LTZ(3)),
  COUNT(*),
  SUM(CAST(quantity AS BIGINT))
FROM readings
WHERE place = 1
GROUP BY window_start, window_end, location;
