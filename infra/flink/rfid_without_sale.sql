-- RFID_WITHOUT_SALE: a tag was read in the scan area of a checkout, and no sale of its article there came within
-- five seconds before or after. One row an item.
--
-- A tag read again within two minutes of the last time is the same item, still lying there.
--
-- Other than the engine: it pairs reads and sales one to one, and tells an article sold as another
-- (BARCODE_SWITCHING) from one that nobody paid for (SCANNER_AVOIDANCE). Here both are one, and one sale pays
-- for every read of its article around it: compare sets and a second unpaid item of the same kind is missed.
INSERT INTO `flink-findings`
WITH tags AS (
  SELECT
    event_time,
    station_id,
    data.sku AS sku,
    data.epc AS epc,
    MIN(event_time) OVER (
      PARTITION BY station_id, data.epc ORDER BY event_time
      RANGE BETWEEN INTERVAL '2' MINUTE PRECEDING AND CURRENT ROW
    ) AS first_seen
  FROM `rfid-readings`
  WHERE data.epc IS NOT NULL AND data.sku IS NOT NULL AND data.location = 'IN_SCAN_AREA'
),
unpaid AS (
  SELECT tags.event_time, tags.station_id, tags.sku, tags.epc
  FROM tags
  LEFT JOIN `pos-transactions` AS sale
    ON tags.station_id = sale.station_id
    AND tags.sku = sale.data.sku
    AND sale.event_time BETWEEN tags.event_time - INTERVAL '5' SECOND AND tags.event_time + INTERVAL '5' SECOND
  WHERE sale.station_id IS NULL AND tags.first_seen = tags.event_time
)
SELECT
  'RFID_WITHOUT_SALE',
  sku,
  station_id,
  MIN(event_time),
  MAX(event_time),
  COUNT(DISTINCT epc)
FROM TABLE(TUMBLE(TABLE unpaid, DESCRIPTOR(event_time), INTERVAL '1' SECOND))
GROUP BY window_start, window_end, station_id, sku, epc;
