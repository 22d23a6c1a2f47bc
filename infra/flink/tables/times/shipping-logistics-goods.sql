-- Made by `python -m infra.flink.generate`.
ALTER TABLE `shipping-logistics` ADD (goods AS COALESCE(JSON_STRING(manifest), '[]'));
