"""Invented models, releases and the transformations of their images."""

import json
from collections.abc import Sequence

from export_assets.systems.labeling.sample_values import CLASSES, Invention
from export_assets.systems.sqlite_sample import Row


def model(invent: Invention, number: int, project: Row | None) -> Row:
    """Return a model of *project*, or of none."""
    return {
        "id": invent.uuid(),
        "name": f"detector {number} (größer)",
        "type": ("object_detection", "instance_segmentation")[number % 2],
        "format": ("pytorch", "onnx")[number // 2 % 2],
        "file_path": f"models/detector_{number}.pt",
        "nc": len(CLASSES) if number else None,
        "classes": (json.dumps(CLASSES, ensure_ascii=False), "null", None, "[]")[number % 4],
        "training_input_size": ("[640, 640]", "null", None, "640")[number % 4],
        "input_size_default": ("[640, 640]", "[1280,  1280]")[number % 2],
        "project_id": project["id"] if project else None,
        "project_name": project["name"] if project else "",
        "is_active": invent.flag(),
        **invent.stamps(),
    }


def release(invent: Invention, number: int, project: object, datasets: Sequence[object]) -> Row:
    """Return a release of *project* that was made of *datasets*."""
    config = {"resize": {"width": 640, "height": None}, "note": "50 % größer"}
    return {
        "id": invent.uuid(),
        "project_id": project,
        "name": f"v{number + 1}",
        "description": (None, "", "First, with splits.")[number % 3],
        "export_format": ("yolo", "coco")[number % 2],
        "task_type": "object_detection",
        "datasets_used": json.dumps(datasets),
        "config": (json.dumps(config, ensure_ascii=False), "null", None)[number % 3],
        "total_images": 10 * number,
        "created_at": invent.moment(),
    }


def transformation(invent: Invention, number: int, releases: Sequence[Row]) -> Row:
    """Return a transformation that one of *releases* is made with; some are of none."""
    kinds = ("rotate", "flip", "brightness")
    return {
        "id": invent.uuid(),
        "release_id": None if number % 5 == 0 else invent.pick(releases)["id"],
        "transformation_type": kinds[number % len(kinds)],
        "parameters": json.dumps({"angle": 15.0 * number, "expand": number % 2 == 0}),
        "parameter_ranges": ('{"angle": [-45, 45]}', "null", None)[number % 3],
        "is_enabled": invent.flag(),
        "order_index": number,
        "created_at": invent.moment(),
    }
