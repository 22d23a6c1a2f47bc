-- MASS_SHIPMENT_FRAUD: more than 20 articles of a site were marked as shipped within 10 minutes, and no truck
-- took them. One row an episode, when it is certain: after the last truck could have come.
--
-- A mark is taken by a departure of its shipment, whose manifest (if there is one) lists the article, from 10
-- minutes before the first mark of its run until 10 minutes after the last, and no more than 70 minutes from
-- the mark itself. Marks of a shipment no further apart than 10 minutes are a run. Marks without a shipment id
-- are taken by no truck.
--
-- Other than the engine: tells what the engine confirms, never a suspicion (a person after hours, codes printed
-- anew, goods still seen), and takes nothing back; a run longer than four hours may miss its early trucks;
-- records behind the watermark are dropped.
INSERT INTO `flink-findings`
WITH marks AS (
  SELECT
    event_time,
    product_id,
    SPLIT_INDEX(location, '/', 0) AS site,
    COALESCE(shipment_id, '') AS shipment_id
  FROM `inventory-digital`
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
  SELECT marks.event_time, marks.product_id, marks.site
  FROM marks
  LEFT JOIN trucks
    ON marks.shipment_id = trucks.shipment_id
    AND marks.event_time
      BETWEEN trucks.left_at - INTERVAL '70' MINUTE AND trucks.left_at + INTERVAL '70' MINUTE
    AND CAST(marks.event_time AS TIMESTAMP(3)) BETWEEN trucks.first_mark AND trucks.last_mark
    AND (trucks.goods = '[]' OR LOCATE('"' || marks.product_id || '"', trucks.goods) > 0)
  WHERE trucks.shipment_id IS NULL
),
windows AS (
  SELECT
    event_time,
    site,
    product_id,
    COUNT(DISTINCT product_id) OVER ten_minutes AS articles
  FROM untaken
  WINDOW ten_minutes AS (
    PARTITION BY site ORDER BY event_time
    RANGE BETWEEN INTERVAL '09:59.999' MINUTE TO SECOND PRECEDING AND CURRENT ROW
  )
)
SELECT
  'MASS_SHIPMENT_FRAUD',
  site,
  site,
  MIN(event_time),
  MAX(event_time),
  COUNT(DISTINCT product_id)
FROM TABLE(
  SESSION(TABLE windows PARTITION BY site, DESCRIPTOR(event_time), INTERVAL '09:59.999' MINUTE TO SECOND)
)
GROUP BY site, window_start, window_end
HAVING MAX(articles) > 20;
