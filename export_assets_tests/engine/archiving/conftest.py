"""A directory for the harnesses of archives."""

from export_assets_tests.archives.conftest import quick

__all__ = ["quick"]
