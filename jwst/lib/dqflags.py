"""Data-quality flags as plain integers, for the array cores.

The same values as ``jwst.datamodels.dqflags.pixel`` and ``.group`` (a test compares them), without the imports that
those need. Flags up to CHARGELOSS exist in group planes (uint8) too. Source: spec common_detector.md §4.
"""

from __future__ import annotations

__all__ = [
    "AD_FLOOR",
    "BAD_REF_PIXEL",
    "CHARGELOSS",
    "DO_NOT_USE",
    "FLUX_ESTIMATED",
    "JUMP_DET",
    "NON_SCIENCE",
    "NO_FLAT_FIELD",
    "NO_GAIN_VALUE",
    "NO_LIN_CORR",
    "NO_SAT_CHECK",
    "OUTLIER",
    "PERSISTENCE",
    "REFERENCE_PIXEL",
    "SATURATED",
]

DO_NOT_USE = 1
SATURATED = 2
JUMP_DET = 4
OUTLIER = 16
PERSISTENCE = 32
AD_FLOOR = 64
CHARGELOSS = 128
NON_SCIENCE = 512
BAD_REF_PIXEL = 131072
NO_FLAT_FIELD = 262144
NO_GAIN_VALUE = 524288
NO_LIN_CORR = 1048576
NO_SAT_CHECK = 2097152
FLUX_ESTIMATED = 268435456
REFERENCE_PIXEL = 2147483648
