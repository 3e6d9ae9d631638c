"""Invented rows of the tables around projects, datasets, images and annotations."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from export_assets.systems.labeling.sample_models import model, release, transformation
from export_assets.systems.labeling.sample_rows import Entities
from export_assets.systems.labeling.sample_training import training_session
from export_assets.systems.labeling.sample_values import CLASSES, Invention
from export_assets.systems.labeling.schema import REVISIONS, Generation
from export_assets.systems.sqlite_sample import Row


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The tables around the four entity tables."""

    invent: Invention
    entities: Entities

    def tables(self, generation: Generation) -> Iterator[tuple[str, list[Row]]]:
        """Yield each table with its rows, in an order in which what is referred to is there."""
        first = self.entities.projects[0]
        models = [model(self.invent, n, first if n % 2 else None) for n in range(4)]
        self._use(models)
        releases = [self._release(n) for n in range(3)]
        images = self.entities.images[:20]
        yield "alembic_version", [{"version_num": REVISIONS[generation]}]
        yield "ai_models", models
        yield "releases", releases
        yield (
            "image_transformations",
            [transformation(self.invent, n, releases) for n in range(8)],
        )
        yield (
            "training_sessions",
            [training_session(self.invent, n, self._project(n), models) for n in range(8)],
        )
        yield "label_analytics", [self._analytics(n) for n in range(5)]
        yield "dev_mode_settings", [self._settings(1), self._settings(2)]
        yield "auto_label_jobs", [self._job(n, models) for n in range(6)]
        yield "dataset_splits", [self._split(n) for n in range(4)]
        yield "image_variants", [self._variant(n, image) for n, image in enumerate(images)]
        yield "model_usage", [self._usage(n, models) for n in range(6)]
        yield "export_jobs", [self._export(n, releases) for n in range(4)]
        yield "user_sessions", [self._session(n) for n in range(3)]

    def _use(self, models: list[Row]) -> None:
        """Let some projects, datasets and annotations refer to a model, one to none there is."""
        for rows, column in (
            (self.entities.projects, "default_model_id"),
            (self.entities.datasets, "model_id"),
            (self.entities.annotations, "model_id"),
        ):
            for row in rows[::3]:
                row[column] = self.invent.pick(models)["id"]
        self.entities.datasets[-1]["model_id"] = self.invent.uuid()

    def _project(self, number: int) -> object:
        return self.entities.projects[number % len(self.entities.projects)]["id"]

    def _dataset(self, number: int) -> object:
        return self.entities.datasets[number % len(self.entities.datasets)]["id"]

    def _release(self, number: int) -> Row:
        datasets = [self._dataset(number), self._dataset(number + 1)]
        return release(self.invent, number, self._project(number), datasets)

    def _created(self) -> dict[str, object]:
        return {"created_at": self.invent.moment()}

    def _analytics(self, number: int) -> Row:
        counts = {name: self.invent.number(0, 90) for name in CLASSES[: number + 1]}
        return {
            "id": self.invent.uuid(),
            "dataset_id": self._dataset(number),
            "class_distribution": json.dumps(counts, ensure_ascii=number % 2 == 0),
            "balance": ('{"gini": 0.25}', "0.5", None)[number % 3],
            "total_annotations": sum(counts.values()),
            "computed_at": self.invent.moment(),
        }

    def _settings(self, number: int) -> Row:
        # No real hash of anything, but it looks like one, so that a leak of it would be seen.
        invented = f"pbkdf2:sha256:600000$invented$lab{number}-{self.invent.uuid()}"
        return {
            "id": number,
            "is_enabled": number % 2,
            "password_hash": invented,
            "master_password_hash": f"{invented}-master" if number == 1 else None,
            **self.invent.stamps(),
        }

    def _job(self, number: int, models: list[Row]) -> Row:
        status = ("pending", "running", "completed", "failed")[number % 4]
        return {
            "id": self.invent.uuid(),
            "dataset_id": self._dataset(number),
            "model_id": self.invent.pick(models)["id"],
            "status": status,
            "progress": self.invent.real(0, 100, 1),
            "total_images": 40,
            "processed_images": number,
            "error_message": "out of memory:\n  line 2" if status == "failed" else None,
            "completed_at": self.invent.moment() if status == "completed" else None,
            **self._created(),
        }

    def _split(self, number: int) -> Row:
        return {
            "id": number + 1,
            "dataset_id": self._dataset(number * 2),
            "train_percentage": 70.0,
            "val_percentage": 20.0,
            "test_percentage": (10.0, None)[number % 2],
            "random_seed": 42,
            **self._created(),
        }

    def _variant(self, number: int, image: Row) -> Row:
        return {
            "id": self.invent.uuid(),
            "original_image_id": image["id"],
            "variant_type": ("resized", "flipped")[number % 2],
            "applied_transformations": ('[{"type": "flip"}]', "null", None)[number % 3],
            "file_path": f"variants/{number}.jpg",
            "width": 320,
            "height": None if number % 5 == 0 else 240,
            **self._created(),
        }

    def _usage(self, number: int, models: list[Row]) -> Row:
        model, used_for = self.invent.pick(models)["id"], ("auto_label", "preview")[number % 2]
        row = {"id": number + 1, "model_id": model, "used_for": used_for, "images": number * 3}
        return {**row, "used_at": self.invent.moment()}

    def _export(self, number: int, releases: list[Row]) -> Row:
        return {
            "id": self.invent.uuid(),
            "release_id": self.invent.pick(releases)["id"],
            "status": ("done", "failed")[number % 2],
            "options": ('{"zip": true}', "null", None)[number % 3],
            **self._created(),
        }

    def _session(self, number: int) -> Row:
        ended = None if number == 0 else self.invent.moment()
        row = {"id": number + 1, "workstation": f"Labor {number}", "ended_at": ended}
        return {**row, "started_at": self.invent.moment()}
