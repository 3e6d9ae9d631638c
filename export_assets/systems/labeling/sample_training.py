"""Invented training sessions: 36 columns, among them JSON and YAML texts."""

import json
from collections.abc import Sequence

from export_assets.systems.labeling.sample_values import Invention
from export_assets.systems.sqlite_sample import Row


def training_session(invent: Invention, number: int, project: object, models: Sequence[Row]) -> Row:
    """Return a training session of *project*: the first ones are done, the others under way."""
    done, epoch = number % 3 == 0, invent.number(1, 99)
    return {
        "id": number + 1,
        "project_id": project,
        "name": f"Lauf {number}, groß",
        "description": (None, "", "Längerer Text;\nzweite Zeile.")[number % 3],
        "status": "completed" if done else ("running", "failed")[number % 2],
        "framework": "ultralytics",
        "task": "detect",
        "base_model_id": invent.pick(models)["id"],
        "result_model_id": invent.pick(models)["id"] if done else None,
        "release_id": None,
        **_progress(number, epoch, done=done),
        **_texts(invent, number, epoch),
        "log_path": f"logs/train_{number}.log",
        "weights_path": f"weights/{number}/best.pt" if done else None,
        "error_message": "CUDA: out of memory" if number % 2 and not done else None,
        "started_at": invent.moment(),
        "completed_at": invent.moment() if done else None,
        **invent.stamps(),
    }


def _progress(number: int, epoch: int, *, done: bool) -> Row:
    return {
        "image_size": 640,
        "batch_size": (16, -1)[number % 2],
        "epochs": 100,
        "epoch": 100 if done else epoch,
        # Declared INTEGER, which does not keep a REAL that is no whole number from being stored.
        "progress_pct": (100, None, epoch + 0.5)[number % 3],
        "learning_rate": (0.01, 1e-05)[number % 2],
        "optimizer": ("SGD", "AdamW", None)[number % 3],
        "device": ("cuda:0", "cpu")[number % 2],
        "workers": 8,
        "seed": None if number % 4 == 0 else number,
        "patience": 50,
        "use_pretrained": (1, 0, None)[number % 3],
    }


def _texts(invent: Invention, number: int, epoch: int) -> Row:
    curve = [{"epoch": one, "map50": invent.real(0, 1, 5)} for one in range(epoch % 5)]
    return {
        "dataset_summary_json": json.dumps({"train": 70, "val": 20, "test": None}),
        "settings_json": ('{"augment": true, "mixup": 0.10}', "null", None, "{}")[number % 4],
        "metrics_json": ('{"map50": 0.875, "f1": NaN}', '{"map50": 1e-3}', None)[number % 3],
        "history_json": json.dumps(curve),
        "resources_json": ('{"gpu": "größte"}', "", None)[number % 3],
        "config_yaml": f"# Lauf {number}\nlr0: 0.01\nnames: [car, 'stop, sign']\n",
        "data_yaml": None if number % 3 == 1 else "path: ../data\nnames:\n  0: Fußgänger\n",
    }
