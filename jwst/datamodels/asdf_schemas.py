"""Keep the schemas that asdf validates with in memory.

asdf 6 reads and parses the YAML text of every schema that another one refers to again each time it validates a tree:
about 2 ms apiece, eight for each file written, a dozen for each array that is set. Schemas are never changed by
validation, so one copy serves them all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["keep_schemas"]


@cache
def keep_schemas() -> bool:
    """Have asdf parse each schema once in this process.

    Returns
    -------
    bool
        False where this version of asdf loads schemas in another way; nothing is changed then.
    """
    import asdf.schema

    make_loader = getattr(asdf.schema, "_make_schema_loader", None)
    if not callable(make_loader):
        return False
    loaded: dict[tuple[int, str], Any] = {}

    def make_keeping_loader() -> Callable[[str], Any]:
        load = make_loader()
        manager = id(asdf.get_config().resource_manager)

        def load_once(url: str) -> Any:
            key = (manager, url)
            if key not in loaded:
                loaded[key] = load(url)
            return loaded[key]

        return load_once

    asdf.schema._make_schema_loader = make_keeping_loader
    return True
