"""Showers: equal to the released pipeline (vectors made by tests/parity/make_jump_showers.py), and found at all."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from jwst.jump import shower_ratio, shower_search
from jwst.jump.after_jump import Neighbours
from jwst.jump.jump import Detector, JumpParameters, detect_jumps
from jwst.jump.large_events import SnowballParameters
from jwst.jump.showers import ShowerParameters
from jwst.jump.smoothing import Ring
from jwst.jump.twopoint import Thresholds

PARITY = Path(__file__).parents[2] / "parity"


def _script(name):
    spec = importlib.util.spec_from_file_location(name, PARITY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _script("make_jump_showers")
VECTORS = np.load(PARITY / "jump_showers.npz")


def parameters(options):
    """Parameters of the core for those of the step."""
    options = dict(options)
    names = ShowerParameters.__dataclass_fields__.keys() & options.keys()
    after = int(options.pop("time_masked_after_shower", 15.0) // MAKE.GROUP_TIME)
    search = ShowerParameters(**{name: options[name] for name in names}, groups_after=after, group_time=MAKE.GROUP_TIME)
    snowballs = SnowballParameters(next_integration_groups=400) if options.get("expand_large_events") else None
    return JumpParameters(
        thresholds=Thresholds(4.0),
        neighbours=Neighbours(),
        snowballs=snowballs,
        showers=search,
        minimum_sigclip_groups=options.get("minimum_sigclip_groups", 100),
        only_use_ints=options.get("only_use_ints", True),
    )


def detect(scene, given, nframes=1):
    detector = Detector(scene["gain"], scene["readnoise"], nframes)
    return detect_jumps(scene["data"], scene["groupdq"], pixeldq=scene["pixeldq"], detector=detector, parameters=given)


@pytest.mark.parametrize("tile", [1 << 20, 1 << 14])
@pytest.mark.parametrize("name", MAKE.CASES)
def test_equal_to_the_released_pipeline(name, tile, monkeypatch):
    for module in (shower_search, shower_ratio):
        monkeypatch.setattr(module, "TILE_BYTES", tile)
    case = MAKE.CASES[name]
    scene = MAKE.build(list(MAKE.CASES).index(name), **case)
    found = detect(scene, parameters(case.get("options", {})), case.get("nframes", 1))
    np.testing.assert_array_equal(scene["groupdq"], VECTORS[f"{name}/groupdq"])
    np.testing.assert_array_equal(scene["pixeldq"], VECTORS[f"{name}/pixeldq"])
    np.testing.assert_allclose(found.rates(MAKE.GROUP_TIME), VECTORS[f"{name}/rates"], rtol=1e-12)


def test_injected_showers_are_found():
    """Completeness: of 40 ellipses of 1.5 times the scatter, and of none in plain noise."""
    rng = np.random.default_rng(5)
    shape, ngroups = (256, 256), 14
    data = np.cumsum(rng.poisson(20, (1, ngroups, *shape)), axis=1) + rng.normal(0, 5, (1, ngroups, *shape))
    quiet = data.copy()
    row, column = np.mgrid[: shape[0], : shape[1]]
    injected = []
    for n in range(40):
        y, x = 16 + 32 * (n // 8) + 30 * (n // 20), 16 + 32 * (n % 8)
        g, turn = 1 + n % (ngroups - 1), rng.uniform(0, np.pi)
        along = (column - x) * np.cos(turn) + (row - y) * np.sin(turn)
        across = (row - y) * np.cos(turn) - (column - x) * np.sin(turn)
        inside = (along / 11) ** 2 + (across / 7) ** 2 < 1
        data[0, g:, inside] += 15
        injected.append((g, inside))
    scene = {"gain": np.ones(shape, np.float32), "readnoise": np.full(shape, 5 * 2**0.5, np.float32)}
    flags = {}
    for name, ramps in (("quiet", quiet), ("struck", data)):
        scene |= {"data": ramps.astype(np.float32), "groupdq": np.zeros(ramps.shape, np.uint8)}
        scene["pixeldq"] = np.zeros(shape, np.uint32)
        given = parameters({})
        found = detect(scene, given)
        flags[name] = (scene["groupdq"][0] & 4) != 0, found.large_events
    assert flags["quiet"][1] == 0
    covered = [flags["struck"][0][g][inside].mean() for g, inside in injected]
    assert sum(share > 0.8 for share in covered) >= 38
    everywhere = np.zeros_like(flags["struck"][0])
    for g, inside in injected:
        everywhere[g : g + 2] |= inside
    outside = flags["struck"][0] & ~flags["quiet"][0] & ~everywhere
    assert outside.sum() < 0.5 * everywhere.sum()


def test_mean_over_a_ring_against_its_definition():
    rng = np.random.default_rng(3)
    image = rng.random((9, 11))
    image[rng.random(image.shape) < 0.3] = np.nan
    image[2, 3] = np.inf
    for inner, outer in ((1.0, 3.6), (0.0, 2.0), (2.0, 2.5), (0.0, 0.5), (1.0, 1.0)):
        ring = Ring(inner, outer)
        r = ring.radius
        result = ring.mean(np.pad(image, r))
        for y, x in np.ndindex(image.shape):
            total, count = 0.0, 0
            for dy, dx in np.ndindex(2 * r + 1, 2 * r + 1):
                if inner <= np.hypot(dy - r, dx - r) <= outer:
                    v, u = y + dy - r, x + dx - r
                    value = image[v, u] if 0 <= v < 9 and 0 <= u < 11 else 0.0
                    total, count = (total + value, count + 1) if np.isfinite(value) else (total, count)
            expected = total / count if count and np.isfinite(image[y, x]) else np.nan
            assert result[y, x] == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_few_differences_change_nothing():
    scene = MAKE.build(0, (1, 10), image=(32, 36))
    found = detect(scene, parameters({}))
    assert found.large_events == 0


def test_groups_that_are_all_unusable_or_saturated():
    for flag in (1, 2):
        scene = MAKE.build(1, (1, 14), image=(32, 36))
        scene["groupdq"][:] = flag
        before = scene["groupdq"].copy()
        assert detect(scene, parameters({})).large_events == 0
        np.testing.assert_array_equal(scene["groupdq"], before)
