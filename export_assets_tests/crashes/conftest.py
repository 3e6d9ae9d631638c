"""A disk for crashes."""

from export_assets_tests.archives.conftest import quick

__all__ = ["quick"]
