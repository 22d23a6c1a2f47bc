-- Made by `python -m infra.flink.generate`.
CREATE TABLE IF NOT EXISTS `flink-inventory-by-location` (
  `location` STRING,
  `window_start` TIMESTAMP_LTZ(3),
  `window_end` TIMESTAMP_LTZ(3),
  `articles` BIGINT,
  `units` BIGINT
) WITH (
  'changelog.mode' = 'append',
  'value.format' = 'json-registry'
);
