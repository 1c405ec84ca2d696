"""Truth-known exposures and an offline CRDS cache made from the same truth (spec simulation_and_offline_crds.md)."""

from __future__ import annotations

__all__ = [
    "ExposureSettings",
    "LightCurve",
    "MiriSettings",
    "NoiseSettings",
    "Optics",
    "Scene",
    "SimulatedExposure",
    "Stripes",
    "Subarray",
    "Truth",
    "TruthSummary",
    "cache_for",
    "compare_with_truth",
    "comparison_set",
    "judge_noise",
    "judge_showers",
    "make_crds_cache",
    "make_detector",
    "simulate",
]

_HOMES = {
    "ExposureSettings": "settings",
    "LightCurve": "light_curve",
    "MiriSettings": "settings",
    "NoiseSettings": "settings",
    "Optics": "modes",
    "Scene": "scene",
    "SimulatedExposure": "exposure",
    "Stripes": "stripes",
    "Subarray": "subarrays",
    "Truth": "truth",
    "TruthSummary": "judge",
    "cache_for": "crds_cache",
    "compare_with_truth": "judge",
    "comparison_set": "comparison",
    "judge_noise": "judge_effects",
    "judge_showers": "judge_effects",
    "make_crds_cache": "crds_cache",
    "make_detector": "detector",
    "simulate": "exposure",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(f"jwst.simulation.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
