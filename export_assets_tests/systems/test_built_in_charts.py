"""The charts of the built-in systems, of small samples of each."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from export_assets.engine.charts.charting import draw_chart, draw_partitions
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.systems.labeling.sample import make_sample as make_labeling
from export_assets.systems.leadville.sample import make_logs
from export_assets.systems.registry import load_workspace
from export_assets.systems.tandem.sample import make_sample as make_tandem
from export_assets.systems.weights.sample import make_sample as make_weights
from export_assets_tests.engine.charts.pictures import decoded, lines, texts

CHARTS = {
    ("leadville", "runs"): lambda home: make_logs(home / "leadville", days=2, strings=3),
    ("tandem", "cgm_readings"): lambda home: make_tandem(home / "tandem/tandem.duckdb", days=1),
    ("labeling", "annotations"): lambda home: make_labeling(
        home / "labeling.db", projects=2, images=3
    ),
    ("weights", "weights_raw"): lambda home: make_weights(home / "weights/states", users=5),
}


def drawn(home: Path, source: str, table: str) -> list[str]:
    """Export *table* and return the chart of each partition, as Dagster gets it."""
    (home / "sources").mkdir()
    (home / f"sources/{source}.yaml").write_text(f"source: {source}\ncharts: true\n", "utf-8")
    workspace = load_workspace(home, environ={})
    configured = workspace.source(source)
    request = ExportRequest(tables=(table,), formats=("parquet",))
    run = Run(id="run", now=datetime.now(UTC))
    report = Exporter(workspace=workspace, source=configured, request=request, run=run).export()
    assert not report.failed
    published = list(workspace.store.manifests(source, table, "parquet"))
    chart = configured.config.chart_of(table)
    assert chart is not None
    if chart.kind == "partitions":
        pictures = [draw_partitions([(one.partition, one.rows) for _, one in published])]
    else:
        pictures = [draw_chart(chart, configured.config, one, path) for path, one in published]
    return [picture for picture in pictures if picture is not None]


@pytest.mark.parametrize(("source", "table"), CHARTS)
def test_every_chart_is_drawn_small_enough_to_be_seen(
    source: str, table: str, tmp_path: Path
) -> None:
    make: Callable[[Path], object] = CHARTS[source, table]
    make(tmp_path / "data")

    pictures = [decoded(one) for one in drawn(tmp_path, source, table)]

    assert pictures
    assert all(texts(picture) for picture in pictures)
    if source == "tandem":
        assert sum(len(line) for line in lines(pictures[0])) > 20


def test_no_other_table_has_one_and_private_ones_are_not_drawn(tmp_path: Path) -> None:
    workspace = load_workspace(tmp_path, environ={})
    sources = {source.name: source.config for source in workspace.configured()}

    configured = {
        (name, table)
        for name, config in sources.items()
        for table, rules in config.tables.items()
        if rules.chart is not None
    }
    assert configured == set(CHARTS)
    assert sources["weights"].chart_of("weights_raw") is None
    assert sources["tandem"].chart_of("cgm_readings") is not None
