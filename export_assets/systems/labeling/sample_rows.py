"""Invented projects, datasets, images and annotations, and what refers to none of them."""

from dataclasses import dataclass, field
from typing import Final

from export_assets.systems.labeling.sample_values import (
    CLASSES,
    DESCRIPTIONS,
    FILENAMES,
    NAMES,
    SEGMENTATIONS,
    Invention,
)
from export_assets.systems.sqlite_sample import Row

GONE_PROJECT: Final = 990_001
GONE_DATASET: Final = "00000000-0000-4000-8000-00000000da7a"
GONE_IMAGE: Final = "00000000-0000-4000-8000-000000001ace"
"""What was deleted while rows still referred to it."""

_TIED: Final = "2025-02-03 10:00:00"
_SPLITS: Final = (
    ("unassigned", "train"),
    ("annotating", "train"),
    ("dataset", "train"),
    ("dataset", "val"),
    ("dataset", "test"),
    ("dataset", None),
)


@dataclass(kw_only=True)
class Entities:
    """The rows of the four entity tables and of the labels."""

    invent: Invention
    projects: list[Row] = field(default_factory=list)
    datasets: list[Row] = field(default_factory=list)
    images: list[Row] = field(default_factory=list)
    annotations: list[Row] = field(default_factory=list)
    labels: list[Row] = field(default_factory=list)

    def add_project(self, number: int, *, images: int) -> None:
        """Add a project with its labels and datasets; every third but the first has none."""
        project = number + 1 + number // 3
        self.projects.append(
            {
                "id": project,
                "name": NAMES[number % len(NAMES)],
                "description": DESCRIPTIONS[number % len(DESCRIPTIONS)],
                "project_type": (None, "object_detection", "segmentation", "")[number % 4],
                "default_model_id": None,
                "confidence_threshold": (0.5, None, 0.25, 1.0)[number % 4],
                "iou_threshold": (0.45, 0.1, None)[number % 3],
                **self.invent.stamps(),
            }
        )
        for name in CLASSES[: 2 + number % 6]:
            self.add_label(project, name)
        for dataset in range(0 if number % 3 == 2 else 3):  # noqa: PLR2004 - every third
            self.add_dataset(project, number + dataset, images=images if dataset != 1 else 0)

    def add_label(self, project: int, name: str) -> None:
        """Add a label of *project*."""
        color = self.invent.pick((None, "#ff0000", "#00FF7f"))
        label = {"id": len(self.labels) + 1, "name": name, "color": color, "project_id": project}
        self.labels.append({**label, **self.invent.stamps()})

    def add_dataset(self, project: int, number: int, *, images: int) -> str:
        """Add a dataset of about so many *images*; what it says of their number is out of date."""
        dataset = self.invent.uuid()
        self.datasets.append(
            {
                "id": dataset,
                "name": NAMES[-1 - number % len(NAMES)],
                "description": DESCRIPTIONS[number * 5 % len(DESCRIPTIONS)],
                "project_id": project,
                "total_images": (None, 0, images + 1)[number % 3],
                "labeled_images": images // 2,
                "unlabeled_images": (0, None)[number % 2],
                "auto_label_enabled": self.invent.flag(),
                "model_id": None,
                **self.invent.stamps(),
            }
        )
        # Two of each name, so that the order by name is not yet an order.
        for image in range(self.invent.number(images // 2, images + images // 2) if images else 0):
            self.add_image(dataset, image // 2)
        return dataset

    def add_image(self, dataset: str, number: int) -> str:
        """Add an image of *dataset* with none to five annotations."""
        image, filename = self.invent.uuid(), FILENAMES[number % len(FILENAMES)].format(number)
        split_type, split_section = self.invent.pick(_SPLITS)
        known = self.invent.number(0, 9) > 0
        self.images.append(
            {
                "id": image,
                "filename": filename,
                "original_filename": self.invent.pick((filename, "", None, f"alt {number}.bmp")),
                "file_path": f"uploads/{dataset[:8]}/{filename}",
                "file_size": self.invent.number(1_000, 9_000_000) if known else None,
                "width": self.invent.pick((640, 1_280, 4_032)) if known else None,
                "height": self.invent.pick((480, 720, 3_024)) if known else None,
                "format": self.invent.pick(("jpg", "JPEG", "png", None)),
                "dataset_id": dataset,
                "is_labeled": self.invent.flag(),
                "is_auto_labeled": self.invent.flag(),
                "is_verified": self.invent.flag(),
                "split_type": split_type,
                "split_section": split_section,
                **self.invent.stamps(),
            }
        )
        for _ in range(self.invent.number(0, 6)):
            self.add_annotation(image)
        return image

    def add_annotation(self, image: str) -> None:
        """Add an annotation of *image*, whose box may lie outside of it."""
        invent, number = self.invent, len(self.annotations)
        left, top = invent.real(-80, 4_100), invent.real(-80, 3_100)
        class_id = number % len(CLASSES)
        self.annotations.append(
            {
                "id": invent.uuid(),
                "image_id": image,
                "class_name": CLASSES[class_id],
                "class_id": None if number % 11 == 0 else class_id,
                "confidence": invent.pick((None, 1.0, 0.1 + 0.2, invent.real(0, 1, 6))),
                "x_min": invent.pick((left, float(int(left)), 1e-07)),
                "y_min": top,
                "x_max": left + invent.real(0, 500),
                "y_max": invent.pick((top + invent.real(0, 500), 1e16)),
                "segmentation": SEGMENTATIONS[number % len(SEGMENTATIONS)],
                "is_auto_generated": invent.flag(),
                "is_verified": invent.flag(),
                "model_id": None,
                **invent.stamps(),
            }
        )

    def mix_order(self) -> None:
        """Let some projects and datasets be made at the same moment, later than others, or never.

        One moment is written in both forms. The order of ids is then not that of the times.
        """
        for rows in (self.projects, self.datasets):
            forms = (_TIED, _TIED, f"{_TIED}.000000")
            for row, stamp in zip(rows[:-1], forms, strict=False):
                row["created_at"] = stamp
            if len(rows) > len(forms):
                rows[-1]["created_at"] = None

    def add_orphans(self) -> None:
        """Add rows whose project, dataset or image is gone, and what hangs on them."""
        self.add_dataset(GONE_PROJECT, 4, images=4)
        self.add_image(GONE_DATASET, 0)
        self.add_annotation(str(self.images[-1]["id"]))
        self.add_annotation(GONE_IMAGE)
        self.add_label(GONE_PROJECT, "of nobody")
