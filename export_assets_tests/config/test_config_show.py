"""What `validate --show` prints: values, origins, no secrets."""

import json
from pathlib import Path

from export_assets.config.project import load_project
from export_assets.config.show import show

SHOP = """\
source: shop
url: ${SHOP_URL}
schedule: ${SCHEDULE:-@daily}
options: {api_key: "${KEY:-dev-key}", plain: 1}
relations: [{from: a.b, to: c.d}]
tables:
  orders: {partition_by: {column: t}, columns: ["${COLUMN}"]}
"""
ENVIRON = {
    "SHOP_URL": "postgresql://u:hunter2@db/shop?token=hunter2",
    "KEY": "hunter2",
    "COLUMN": "hunter2",
    "EXPORT_ASSETS_SOURCES__SHOP__TABLES__ORDERS__PARTITION_BY__EVERY": "month",
    "EXPORT_ASSETS_ANONYMIZE_KEY": "hunter2",
}


def test_every_value_has_its_origin_and_no_secret_is_shown(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "shop.yaml").write_text(SHOP, encoding="utf-8")

    shown = show(load_project(tmp_path, environ=ENVIRON))

    text = json.dumps(shown)
    assert "hunter2" not in text
    assert "dev-key" not in text
    assert shown["settings"]["anonymize_key"] == {"value": "***", "origin": "environment"}
    assert shown["settings"]["home"] == {"value": str(tmp_path), "origin": "flag"}
    shop = shown["sources"]["shop"]
    assert shop["url"] == {
        "value": "postgresql://u:***@db/shop?token=***",
        "origin": "file",
        "reference": "${SHOP_URL}",
    }
    assert shop["schedule"]["reference"] == "${SCHEDULE:-***}"
    assert shop["options"]["api_key"]["value"] == "***"
    assert shop["options"]["plain"] == {"value": 1, "origin": "file"}
    assert shop["formats"] == {"value": ["parquet"], "origin": "default"}
    assert shop["relations"] == {"value": [{"from": "a.b", "to": "c.d"}], "origin": "file"}
    assert shop["tables"]["orders"] == {
        "partition_by": {
            "column": {"value": "t", "origin": "file"},
            "every": {"value": "month", "origin": "environment"},
        },
        "columns": {"value": "***", "origin": "file", "reference": "${COLUMN}"},
    }
