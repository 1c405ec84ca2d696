"""What asdf asks this package for: the schemas of parameter files, as resources."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["SCHEMAS_PATH", "SCHEMAS_URI", "get_resource_mappings"]

SCHEMAS_PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resources", "schemas")
"""Folder of the schema files."""

SCHEMAS_URI = "http://stsci.edu/schemas/stpipe/"
"""What their addresses start with."""


def get_resource_mappings() -> list[Any]:
    """Return the schemas as asdf resource mappings (entry point ``asdf.resource_mappings``)."""
    from asdf.resource import DirectoryResourceMapping

    return [DirectoryResourceMapping(SCHEMAS_PATH, SCHEMAS_URI)]
