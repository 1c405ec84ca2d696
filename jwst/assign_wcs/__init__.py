"""The errors of attaching world coordinates; the step itself is not part of this release."""

from __future__ import annotations
