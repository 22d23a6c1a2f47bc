-- Made by `python -m infra.flink.generate`.
ALTER TABLE `inventory-digital` ADD (event_time AS COALESCE(
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
  ));
