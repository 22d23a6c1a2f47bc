-- Made by `python -m infra.flink.generate`.
-- Tables for a Flink of one's own beside the broker of docs/stack.md:
--   sql-client.sh -i infra/flink/local/tables.sql -f infra/flink/mass_shipment_fraud.sql
SET 'table.local-time-zone' = 'UTC';
CREATE TABLE `inventory-digital` (
  `product_id` STRING,
  `status` STRING,
  `quantity` INT,
  `location` STRING,
  `updated_at` STRING,
  `shipment_id` STRING,
  `event_id` STRING,
  event_time AS COALESCE(
    CASE
      WHEN REGEXP(`updated_at`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?$') THEN CAST(TRY_CAST(REPLACE(REGEXP_EXTRACT(`updated_at`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)) AS TIMESTAMP_LTZ(3))
      WHEN REGEXP(`updated_at`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$') THEN TO_TIMESTAMP_LTZ(
        60000 * CAST(TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', TRY_CAST(REPLACE(REGEXP_EXTRACT(`updated_at`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3))) AS BIGINT)
        + 1000 * EXTRACT(SECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`updated_at`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        + EXTRACT(MILLISECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`updated_at`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        - IF(REGEXP_EXTRACT(`updated_at`, '([+-])([0-9]{2}):?([0-9]{2})?$', 1) = '-', -60000, 60000) * (
          60 * COALESCE(TRY_CAST(REGEXP_EXTRACT(`updated_at`, '([+-])([0-9]{2}):?([0-9]{2})?$', 2) AS INT), 0)
          + COALESCE(TRY_CAST(REGEXP_EXTRACT(`updated_at`, '([+-])([0-9]{2}):?([0-9]{2})?$', 3) AS INT), 0)
        ),
        3
      )
      WHEN REGEXP(`updated_at`, '^[0-9]+$') THEN TO_TIMESTAMP_LTZ(TRY_CAST(`updated_at` AS BIGINT), 3)
    END,
    TO_TIMESTAMP_LTZ(0, 3)
  ),
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'inventory-digital',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601',
  'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE `inventory-physical` (
  `product_id` STRING,
  `location` STRING,
  `quantity` INT,
  `rfid_detected` BOOLEAN,
  `timestamp` STRING,
  `event_id` STRING,
  event_time AS COALESCE(
    CASE
      WHEN REGEXP(`timestamp`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?$') THEN CAST(TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)) AS TIMESTAMP_LTZ(3))
      WHEN REGEXP(`timestamp`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$') THEN TO_TIMESTAMP_LTZ(
        60000 * CAST(TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3))) AS BIGINT)
        + 1000 * EXTRACT(SECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        + EXTRACT(MILLISECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        - IF(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 1) = '-', -60000, 60000) * (
          60 * COALESCE(TRY_CAST(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 2) AS INT), 0)
          + COALESCE(TRY_CAST(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 3) AS INT), 0)
        ),
        3
      )
      WHEN REGEXP(`timestamp`, '^[0-9]+$') THEN TO_TIMESTAMP_LTZ(TRY_CAST(`timestamp` AS BIGINT), 3)
    END,
    TO_TIMESTAMP_LTZ(0, 3)
  ),
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'inventory-physical',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601',
  'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE `employee-activity` (
  `employee_id` STRING,
  `action` STRING,
  `timestamp` STRING,
  `is_after_hours` BOOLEAN,
  `event_id` STRING,
  event_time AS COALESCE(
    CASE
      WHEN REGEXP(`timestamp`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?$') THEN CAST(TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)) AS TIMESTAMP_LTZ(3))
      WHEN REGEXP(`timestamp`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$') THEN TO_TIMESTAMP_LTZ(
        60000 * CAST(TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3))) AS BIGINT)
        + 1000 * EXTRACT(SECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        + EXTRACT(MILLISECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        - IF(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 1) = '-', -60000, 60000) * (
          60 * COALESCE(TRY_CAST(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 2) AS INT), 0)
          + COALESCE(TRY_CAST(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 3) AS INT), 0)
        ),
        3
      )
      WHEN REGEXP(`timestamp`, '^[0-9]+$') THEN TO_TIMESTAMP_LTZ(TRY_CAST(`timestamp` AS BIGINT), 3)
    END,
    TO_TIMESTAMP_LTZ(0, 3)
  ),
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'employee-activity',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601',
  'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE `qr-code-scans` (
  `action` STRING,
  `generated_by` STRING,
  `timestamp` STRING,
  `event_id` STRING,
  event_time AS COALESCE(
    CASE
      WHEN REGEXP(`timestamp`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?$') THEN CAST(TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)) AS TIMESTAMP_LTZ(3))
      WHEN REGEXP(`timestamp`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$') THEN TO_TIMESTAMP_LTZ(
        60000 * CAST(TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3))) AS BIGINT)
        + 1000 * EXTRACT(SECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        + EXTRACT(MILLISECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        - IF(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 1) = '-', -60000, 60000) * (
          60 * COALESCE(TRY_CAST(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 2) AS INT), 0)
          + COALESCE(TRY_CAST(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 3) AS INT), 0)
        ),
        3
      )
      WHEN REGEXP(`timestamp`, '^[0-9]+$') THEN TO_TIMESTAMP_LTZ(TRY_CAST(`timestamp` AS BIGINT), 3)
    END,
    TO_TIMESTAMP_LTZ(0, 3)
  ),
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'qr-code-scans',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601',
  'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE `shipping-logistics` (
  `shipment_id` STRING,
  `departure_time` STRING,
  `manifest` STRING,
  goods AS COALESCE(manifest, '[]'),
  event_time AS COALESCE(
    CASE
      WHEN REGEXP(`departure_time`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?$') THEN CAST(TRY_CAST(REPLACE(REGEXP_EXTRACT(`departure_time`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)) AS TIMESTAMP_LTZ(3))
      WHEN REGEXP(`departure_time`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$') THEN TO_TIMESTAMP_LTZ(
        60000 * CAST(TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', TRY_CAST(REPLACE(REGEXP_EXTRACT(`departure_time`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3))) AS BIGINT)
        + 1000 * EXTRACT(SECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`departure_time`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        + EXTRACT(MILLISECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`departure_time`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        - IF(REGEXP_EXTRACT(`departure_time`, '([+-])([0-9]{2}):?([0-9]{2})?$', 1) = '-', -60000, 60000) * (
          60 * COALESCE(TRY_CAST(REGEXP_EXTRACT(`departure_time`, '([+-])([0-9]{2}):?([0-9]{2})?$', 2) AS INT), 0)
          + COALESCE(TRY_CAST(REGEXP_EXTRACT(`departure_time`, '([+-])([0-9]{2}):?([0-9]{2})?$', 3) AS INT), 0)
        ),
        3
      )
      WHEN REGEXP(`departure_time`, '^[0-9]+$') THEN TO_TIMESTAMP_LTZ(TRY_CAST(`departure_time` AS BIGINT), 3)
    END,
    TO_TIMESTAMP_LTZ(0, 3)
  ),
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'shipping-logistics',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601',
  'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE `rfid-readings` (
  `station_id` STRING,
  `timestamp` STRING,
  `data` ROW<epc STRING, sku STRING, location STRING>,
  event_time AS COALESCE(
    CASE
      WHEN REGEXP(`timestamp`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?$') THEN CAST(TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)) AS TIMESTAMP_LTZ(3))
      WHEN REGEXP(`timestamp`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$') THEN TO_TIMESTAMP_LTZ(
        60000 * CAST(TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3))) AS BIGINT)
        + 1000 * EXTRACT(SECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        + EXTRACT(MILLISECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        - IF(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 1) = '-', -60000, 60000) * (
          60 * COALESCE(TRY_CAST(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 2) AS INT), 0)
          + COALESCE(TRY_CAST(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 3) AS INT), 0)
        ),
        3
      )
      WHEN REGEXP(`timestamp`, '^[0-9]+$') THEN TO_TIMESTAMP_LTZ(TRY_CAST(`timestamp` AS BIGINT), 3)
    END,
    TO_TIMESTAMP_LTZ(0, 3)
  ),
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'rfid-readings',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601',
  'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE `pos-transactions` (
  `station_id` STRING,
  `timestamp` STRING,
  `data` ROW<sku STRING>,
  event_time AS COALESCE(
    CASE
      WHEN REGEXP(`timestamp`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?$') THEN CAST(TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)) AS TIMESTAMP_LTZ(3))
      WHEN REGEXP(`timestamp`, '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$') THEN TO_TIMESTAMP_LTZ(
        60000 * CAST(TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3))) AS BIGINT)
        + 1000 * EXTRACT(SECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        + EXTRACT(MILLISECOND FROM TRY_CAST(REPLACE(REGEXP_EXTRACT(`timestamp`, '^.{19}([.][0-9]{1,3})?', 0), 'T', ' ') AS TIMESTAMP(3)))
        - IF(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 1) = '-', -60000, 60000) * (
          60 * COALESCE(TRY_CAST(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 2) AS INT), 0)
          + COALESCE(TRY_CAST(REGEXP_EXTRACT(`timestamp`, '([+-])([0-9]{2}):?([0-9]{2})?$', 3) AS INT), 0)
        ),
        3
      )
      WHEN REGEXP(`timestamp`, '^[0-9]+$') THEN TO_TIMESTAMP_LTZ(TRY_CAST(`timestamp` AS BIGINT), 3)
    END,
    TO_TIMESTAMP_LTZ(0, 3)
  ),
  WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'pos-transactions',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601',
  'scan.startup.mode' = 'earliest-offset'
);

CREATE TABLE `flink-findings` (
  `type` STRING,
  `subject` STRING,
  `location` STRING,
  `started_at` TIMESTAMP_LTZ(3),
  `ended_at` TIMESTAMP_LTZ(3),
  `number` BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = 'flink-findings',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);

CREATE TABLE `flink-inventory-by-location` (
  `location` STRING,
  `window_start` TIMESTAMP_LTZ(3),
  `window_end` TIMESTAMP_LTZ(3),
  `articles` BIGINT,
  `units` BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = 'flink-inventory-by-location',
  'properties.bootstrap.servers' = '127.0.0.1:9092',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);
