-- AFTER_HOURS_QR_MANIPULATION: one person uses the code system, prints codes anew or changes the books more
-- than five times within 15 minutes, after hours. One row an episode: full windows no more than an hour apart.
--
-- A code printed anew is reported by the person's system and by the printer, and counts once. Whether it is
-- after hours for somebody is what the producer said of this act, of a printed code the last that was said of
-- the person within eight hours; if nothing was, outside 06:00-22:00.
--
-- Other than the engine: knows no other working hours, no closed days and no roster; a word that comes up to
-- five seconds after a printed code is not heard for it; episodes are an hour apart by their full windows, not
-- by the acts in them; records behind the watermark are dropped.
INSERT INTO `flink-findings`
WITH done AS (
  SELECT event_time, employee_id, action AS kind, is_after_hours, event_id
  FROM `employee-activity`
  UNION ALL
  SELECT event_time, generated_by, 'code_printed', CAST(NULL AS BOOLEAN), event_id
  FROM `qr-code-scans`
  WHERE action = 'qr_regenerated'
),
heard AS (
  SELECT
    event_time,
    employee_id,
    kind,
    is_after_hours,
    COALESCE(event_id, kind || CAST(event_time AS STRING)) AS event_id,
    LAST_VALUE(is_after_hours) OVER (
      PARTITION BY employee_id ORDER BY event_time RANGE BETWEEN INTERVAL '8' HOUR PRECEDING AND CURRENT ROW
    ) AS last_word
  FROM done
),
acts AS (
  SELECT event_time, employee_id, kind, event_id
  FROM heard
  WHERE kind IN ('access_qr_system', 'inventory_update', 'qr_regenerated', 'code_printed')
    AND COALESCE(IF(kind = 'code_printed', last_word, is_after_hours), HOUR(event_time) NOT BETWEEN 6 AND 21)
),
windows AS (
  SELECT
    event_time,
    employee_id,
    MIN(event_time) OVER a_quarter AS started_at,
    COUNT(DISTINCT event_id) OVER a_quarter AS acts,
    COUNT(DISTINCT IF(kind = 'qr_regenerated', event_id, CAST(NULL AS STRING))) OVER a_quarter AS regenerated,
    COUNT(DISTINCT IF(kind = 'code_printed', event_id, CAST(NULL AS STRING))) OVER a_quarter AS printed
  FROM acts
  WINDOW a_quarter AS (
    PARTITION BY employee_id ORDER BY event_time
    RANGE BETWEEN INTERVAL '15' MINUTE PRECEDING AND CURRENT ROW
  )
),
too_many AS (
  SELECT event_time, employee_id, started_at, acts - LEAST(regenerated, printed) AS acts
  FROM windows
  WHERE acts - LEAST(regenerated, printed) > 5
)
SELECT
  'AFTER_HOURS_QR_MANIPULATION',
  employee_id,
  CAST(NULL AS STRING),
  MIN(started_at),
  MAX(event_time),
  MAX(acts)
FROM TABLE(SESSION(TABLE too_many PARTITION BY employee_id, DESCRIPTOR(event_time), INTERVAL '1' HOUR))
GROUP BY employee_id, window_start, window_end;
