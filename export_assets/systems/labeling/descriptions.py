"""What the application's tables and columns mean, those of all generations."""

from typing import Final

TABLES: Final[dict[str, str]] = {
    "ai_models": "One row per model that proposes annotations or was trained on them.",
    "alembic_version": "One row: the revision of the application's schema.",
    "auto_label_jobs": "One row per run of a model over the images of a dataset.",
    "dataset_splits": "One row per division of a dataset into training, validation and test.",
    "export_jobs": "One row per export of a release; of one generation only.",
    "image_transformations": "One row per transformation that a release applies to its images.",
    "image_variants": "One row per image that was made of another by transformations.",
    "label_analytics": "One row per count of a dataset's classes.",
    "model_usage": "One row per use of a model; of one generation only.",
    "releases": "One row per release: images and annotations as they were handed out.",
    "training_sessions": "One row per training of a model, with its settings and results.",
    "user_sessions": "One row per session of a workstation; of one generation only.",
}
"""Of tables that the system's YAML does not describe."""

_ANY: Final[dict[str, str]] = {
    "id": "Identifies the row.",
    "name": "Its name.",
    "description": "Free text about it; empty text and null are different here.",
    "created_at": "When the row was made, UTC.",
    "updated_at": "When the row was last changed, UTC.",
    "project_id": "The project it belongs to (projects.id).",
    "dataset_id": "The dataset it belongs to (datasets.id).",
    "image_id": "The image it is in (images.id).",
    "release_id": "The release it belongs to (releases.id).",
    "model_id": "The model it was made by or with (ai_models.id).",
    "file_path": "Path of the file, as the application stores it.",
    "width": "Pixels.",
    "height": "Pixels.",
    "is_verified": "Whether a person confirmed it.",
    "status": "How far it is.",
    "error_message": "What went wrong, where something did.",
    "started_at": "When it began, UTC.",
    "completed_at": "When it was done, UTC.",
    "total_images": "Images, as the application counts them.",
}

_OF_TABLE: Final[dict[str, dict[str, str]]] = {
    "alembic_version": {"version_num": "The revision."},
    "projects": {
        "project_type": "What kind of labels it has.",
        "default_model_id": "The model offered first (ai_models.id).",
        "confidence_threshold": "Least confidence of a model's proposals, 0 to 1.",
        "iou_threshold": "Overlap from which two boxes are one, 0 to 1.",
    },
    "datasets": {
        "labeled_images": "Those with labels, as the application counts them.",
        "unlabeled_images": "Those without, as the application counts them.",
        "auto_label_enabled": "Whether a model proposes annotations.",
    },
    "images": {
        "filename": "Name of the file as it is kept.",
        "original_filename": "Name it was uploaded under.",
        "file_size": "Bytes.",
        "format": "Kind of image file.",
        "is_labeled": "Whether it has labels; null counts as neither.",
        "is_auto_labeled": "Whether a model labelled it.",
        "split_type": "unassigned, annotating or dataset.",
        "split_section": "train, val or test.",
    },
    "annotations": {
        "class_name": "The label.",
        "class_id": "Number of the label within the model.",
        "x_min": "Left edge of the box, pixels.",
        "y_min": "Upper edge of the box, pixels.",
        "x_max": "Right edge of the box, pixels.",
        "y_max": "Lower edge of the box, pixels.",
        "is_auto_generated": "Whether a model drew it.",
    },
    "labels": {"color": "Colour it is drawn in."},
    "ai_models": {
        "type": "What the model does.",
        "format": "Kind of model file.",
        "nc": "Number of classes.",
        "classes": "Names of the classes, JSON.",
        "training_input_size": "Size of the images it was trained on, JSON.",
        "input_size_default": "Size of the images it takes, JSON.",
        "project_name": "Name of the project it came from.",
        "is_active": "Whether it is offered.",
    },
    "releases": {
        "export_format": "Format of its files.",
        "task_type": "What it is for.",
        "datasets_used": "Datasets in it, JSON.",
        "config": "How it was made, JSON.",
    },
    "image_transformations": {
        "transformation_type": "What is done to the image.",
        "parameters": "How, JSON.",
        "parameter_ranges": "Between which bounds, JSON.",
        "is_enabled": "Whether it is applied.",
        "order_index": "Its place among the others.",
    },
    "image_variants": {
        "original_image_id": "The image it was made of (images.id).",
        "variant_type": "What kind of variant it is.",
        "applied_transformations": "What was done, JSON.",
    },
    "label_analytics": {
        "class_distribution": "Annotations by class, JSON.",
        "balance": "How even the classes are, JSON.",
        "total_annotations": "Annotations counted.",
        "computed_at": "When they were counted, UTC.",
    },
    "dev_mode_settings": {
        "is_enabled": "Whether the mode is on.",
        "password_hash": "Blank: it does not leave.",
        "master_password_hash": "Blank: it does not leave.",
    },
    "auto_label_jobs": {
        "progress": "Part that is done.",
        "processed_images": "Images that were looked at.",
    },
    "dataset_splits": {
        "train_percentage": "Part for training.",
        "val_percentage": "Part for validation.",
        "test_percentage": "Part for the test.",
        "random_seed": "What the division was drawn with.",
    },
    "export_jobs": {"options": "How it was asked for, JSON."},
    "model_usage": {
        "used_for": "What it was used for.",
        "images": "Images it looked at.",
        "used_at": "When, UTC.",
    },
    "user_sessions": {"workstation": "Where it was.", "ended_at": "When it ended, UTC."},
    "training_sessions": {
        "framework": "What trains the model.",
        "task": "What the model is for.",
        "base_model_id": "The model it starts from (ai_models.id).",
        "result_model_id": "The model that came out (ai_models.id).",
        "image_size": "Pixels of an edge.",
        "batch_size": "Images at once.",
        "epochs": "Passes that are wanted.",
        "epoch": "Passes that are done.",
        "progress_pct": "Part that is done, in per cent; not always whole.",
        "learning_rate": "Size of a step.",
        "optimizer": "How steps are chosen.",
        "device": "What computes.",
        "workers": "Processes that load images.",
        "seed": "What chance is drawn with.",
        "patience": "Passes without progress before it stops.",
        "use_pretrained": "Whether it starts from trained weights.",
        "dataset_summary_json": "What it trains on, JSON.",
        "settings_json": "All settings, JSON.",
        "metrics_json": "Figures of the result, JSON.",
        "history_json": "Figures of each pass, JSON.",
        "resources_json": "What it used of the machine, JSON.",
        "config_yaml": "The trainer's configuration, YAML.",
        "data_yaml": "Its description of the data, YAML.",
        "log_path": "Path of its log.",
        "weights_path": "Path of the weights.",
    },
}


def describe_column(table: str, column: str) -> str:
    """Return what *column* of *table* holds, empty where nobody knows."""
    return _OF_TABLE.get(table, {}).get(column) or _ANY.get(column, "")
