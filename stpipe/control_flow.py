"""What ends a group, a recipe or a run before its last entry; no errors, so nothing swallows or retries them."""

from __future__ import annotations

__all__ = ["ControlFlow", "Jump", "StopGroup", "StopRecipe", "StopRun"]


class ControlFlow(Exception):  # noqa: N818 - no error
    """Base of the four."""


class StopRun(ControlFlow):
    """End the whole run, successfully."""


class StopRecipe(ControlFlow):
    """End this recipe, successfully; the recipe that has called it goes on."""


class StopGroup(ControlFlow):
    """End this group; the next one goes on."""


class Jump(ControlFlow):
    """Run other groups instead of the rest of this one.

    Parameters
    ----------
    groups : tuple of str
        What to run.
    success, failure : str or None
        Handlers of these groups.
    """

    def __init__(self, groups: tuple[str, ...], success: str | None = None, failure: str | None = None) -> None:
        super().__init__(groups)
        self.groups, self.success, self.failure = groups, success, failure
