"""Names of `stpipe.hooks` under the module name that test code imports."""

from __future__ import annotations

from stpipe.hooks import make_hooks, run_post_hooks, run_pre_hooks

__all__ = ["make_hooks", "run_post_hooks", "run_pre_hooks"]
