"""Truth-known exposures and an offline CRDS cache made from the same truth (spec simulation_and_offline_crds.md)."""

from __future__ import annotations

__all__ = [
    "ExposureSettings",
    "FieldSettings",
    "FrameTruth",
    "LightCurve",
    "MiriSettings",
    "NoiseSettings",
    "Optics",
    "Pointing",
    "Scene",
    "SimulatedExposure",
    "SimulatedField",
    "SkyField",
    "Stripes",
    "Subarray",
    "Truth",
    "TruthSummary",
    "cache_for",
    "compare_field",
    "compare_with_truth",
    "comparison_set",
    "field_cache",
    "judge_noise",
    "judge_showers",
    "make_crds_cache",
    "make_detector",
    "picture_of_product",
    "simulate",
    "simulate_field",
]

_HOMES = {
    "ExposureSettings": "settings",
    "FieldSettings": "field_settings",
    "FrameTruth": "field_truth",
    "LightCurve": "light_curve",
    "MiriSettings": "settings",
    "NoiseSettings": "settings",
    "Optics": "modes",
    "Pointing": "pointing",
    "Scene": "scene",
    "SimulatedExposure": "exposure",
    "SimulatedField": "field",
    "SkyField": "sky_field",
    "Stripes": "stripes",
    "Subarray": "subarrays",
    "Truth": "truth",
    "TruthSummary": "judge",
    "cache_for": "crds_cache",
    "compare_field": "field_report",
    "compare_with_truth": "judge",
    "comparison_set": "comparison",
    "field_cache": "field",
    "judge_noise": "judge_effects",
    "judge_showers": "judge_effects",
    "make_crds_cache": "crds_cache",
    "make_detector": "detector",
    "picture_of_product": "picture_image",
    "simulate": "exposure",
    "simulate_field": "field",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(f"jwst.simulation.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
