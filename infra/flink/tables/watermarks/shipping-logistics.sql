-- Made by `python -m infra.flink.generate`.
ALTER TABLE `shipping-logistics`
  MODIFY WATERMARK FOR event_time AS event_time - INTERVAL '5' SECOND;
