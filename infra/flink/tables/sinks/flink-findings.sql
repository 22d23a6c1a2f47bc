-- Made by `python -m infra.flink.generate`.
CREATE TABLE IF NOT EXISTS `flink-findings` (
  `type` STRING,
  `subject` STRING,
  `location` STRING,
  `started_at` TIMESTAMP_LTZ(3),
  `ended_at` TIMESTAMP_LTZ(3),
  `number` BIGINT
) WITH (
  'changelog.mode' = 'append',
  'value.format' = 'json-registry'
);
