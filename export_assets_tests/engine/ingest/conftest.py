"""A directory for the harnesses of logs."""

from export_assets_tests.archives.conftest import quick

__all__ = ["quick"]
