"""The statements with which the application makes its tables today, and those it has had since.

As SQLAlchemy writes them: keys and references at the end of a table, `JSON`, `BOOLEAN` and
`DATETIME` as declared types, all of which have numeric affinity in SQLite.
"""

from typing import Final

TODAY: Final = """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
CREATE TABLE ai_models (
    id VARCHAR(36) NOT NULL, name VARCHAR(255) NOT NULL, type VARCHAR(50) NOT NULL,
    format VARCHAR(50) NOT NULL, file_path VARCHAR(500) NOT NULL, nc INTEGER, classes JSON,
    training_input_size JSON, input_size_default JSON NOT NULL, project_id INTEGER,
    project_name VARCHAR(255), is_active BOOLEAN, created_at DATETIME, updated_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id));
CREATE TABLE projects (
    id INTEGER NOT NULL, name VARCHAR(255) NOT NULL, description TEXT, project_type VARCHAR(50),
    default_model_id VARCHAR(36), confidence_threshold FLOAT, iou_threshold FLOAT,
    created_at DATETIME, updated_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(default_model_id) REFERENCES ai_models (id));
CREATE INDEX ix_projects_id ON projects (id);
CREATE TABLE datasets (
    id VARCHAR(36) NOT NULL, name VARCHAR(255) NOT NULL, description TEXT,
    project_id INTEGER NOT NULL, total_images INTEGER, labeled_images INTEGER,
    unlabeled_images INTEGER, auto_label_enabled BOOLEAN, model_id VARCHAR(36),
    created_at DATETIME, updated_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id),
    FOREIGN KEY(model_id) REFERENCES ai_models (id));
CREATE TABLE images (
    id VARCHAR(36) NOT NULL, filename VARCHAR(255) NOT NULL, original_filename VARCHAR(255),
    file_path VARCHAR(500) NOT NULL, file_size INTEGER, width INTEGER, height INTEGER,
    format VARCHAR(10), dataset_id VARCHAR(36) NOT NULL, is_labeled BOOLEAN,
    is_auto_labeled BOOLEAN, is_verified BOOLEAN, split_type VARCHAR(20),
    split_section VARCHAR(20), created_at DATETIME, updated_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(dataset_id) REFERENCES datasets (id));
CREATE TABLE annotations (
    id VARCHAR(36) NOT NULL, image_id VARCHAR(36) NOT NULL, class_name VARCHAR(100) NOT NULL,
    class_id INTEGER, confidence FLOAT, x_min FLOAT NOT NULL, y_min FLOAT NOT NULL,
    x_max FLOAT NOT NULL, y_max FLOAT NOT NULL, segmentation JSON, is_auto_generated BOOLEAN,
    is_verified BOOLEAN, model_id VARCHAR(36), created_at DATETIME, updated_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(image_id) REFERENCES images (id),
    FOREIGN KEY(model_id) REFERENCES ai_models (id));
CREATE TABLE labels (
    id INTEGER NOT NULL, name VARCHAR(100) NOT NULL, color VARCHAR(20), project_id INTEGER,
    created_at DATETIME, updated_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id));
CREATE TABLE releases (
    id VARCHAR(36) NOT NULL, project_id INTEGER NOT NULL, name VARCHAR(255) NOT NULL,
    description TEXT, export_format VARCHAR(20), task_type VARCHAR(50), datasets_used JSON,
    config JSON, total_images INTEGER, created_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id));
CREATE TABLE image_transformations (
    id VARCHAR(36) NOT NULL, release_id VARCHAR(36), transformation_type VARCHAR(50) NOT NULL,
    parameters JSON NOT NULL, parameter_ranges JSON, is_enabled BOOLEAN, order_index INTEGER,
    created_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(release_id) REFERENCES releases (id));
CREATE TABLE training_sessions (
    id INTEGER NOT NULL, project_id INTEGER NOT NULL, name VARCHAR(255) NOT NULL,
    description TEXT, status VARCHAR(20), framework VARCHAR(50), task VARCHAR(50),
    base_model_id VARCHAR(36), result_model_id VARCHAR(36), release_id VARCHAR(36),
    image_size INTEGER, batch_size INTEGER, epochs INTEGER, epoch INTEGER, progress_pct INTEGER,
    learning_rate FLOAT, optimizer VARCHAR(20), device VARCHAR(20), workers INTEGER,
    seed INTEGER, patience INTEGER, use_pretrained BOOLEAN, dataset_summary_json TEXT,
    settings_json TEXT, metrics_json TEXT, history_json TEXT, resources_json TEXT,
    config_yaml TEXT, data_yaml TEXT, log_path VARCHAR(500), weights_path VARCHAR(500),
    error_message TEXT, started_at DATETIME, completed_at DATETIME, created_at DATETIME,
    updated_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(project_id) REFERENCES projects (id),
    FOREIGN KEY(base_model_id) REFERENCES ai_models (id),
    FOREIGN KEY(result_model_id) REFERENCES ai_models (id),
    FOREIGN KEY(release_id) REFERENCES releases (id));
CREATE TABLE label_analytics (
    id VARCHAR(36) NOT NULL, dataset_id VARCHAR(36) NOT NULL, class_distribution JSON,
    balance JSON, total_annotations INTEGER, computed_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(dataset_id) REFERENCES datasets (id));
CREATE TABLE dev_mode_settings (
    id INTEGER NOT NULL, is_enabled BOOLEAN NOT NULL, password_hash VARCHAR(255),
    master_password_hash VARCHAR(255), created_at DATETIME, updated_at DATETIME,
    PRIMARY KEY (id));
CREATE TABLE auto_label_jobs (
    id VARCHAR(36) NOT NULL, dataset_id VARCHAR(36) NOT NULL, model_id VARCHAR(36),
    status VARCHAR(20), progress FLOAT, total_images INTEGER, processed_images INTEGER,
    error_message TEXT, created_at DATETIME, completed_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(dataset_id) REFERENCES datasets (id),
    FOREIGN KEY(model_id) REFERENCES ai_models (id));
CREATE TABLE dataset_splits (
    id INTEGER NOT NULL, dataset_id VARCHAR(36) NOT NULL, train_percentage FLOAT,
    val_percentage FLOAT, test_percentage FLOAT, random_seed INTEGER, created_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(dataset_id) REFERENCES datasets (id));
"""

VARIANTS: Final = """
CREATE TABLE image_variants (
    id VARCHAR(36) NOT NULL, original_image_id VARCHAR(36) NOT NULL, variant_type VARCHAR(50),
    applied_transformations JSON, file_path VARCHAR(500), width INTEGER, height INTEGER,
    created_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(original_image_id) REFERENCES images (id));
"""

MODEL_USAGE: Final = """
CREATE TABLE model_usage (
    id INTEGER NOT NULL, model_id VARCHAR(36), used_for VARCHAR(50), images INTEGER,
    used_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(model_id) REFERENCES ai_models (id));
"""

EXPORT_JOBS: Final = """
CREATE TABLE export_jobs (
    id VARCHAR(36) NOT NULL, release_id VARCHAR(36), status VARCHAR(20), options JSON,
    created_at DATETIME,
    PRIMARY KEY (id), FOREIGN KEY(release_id) REFERENCES releases (id));
"""

USER_SESSIONS: Final = """
CREATE TABLE user_sessions (
    id INTEGER NOT NULL, workstation VARCHAR(100), started_at DATETIME, ended_at DATETIME,
    PRIMARY KEY (id));
"""
