"""World coordinates and catalogues of the released pipeline (tests/parity/make_tweakreg.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from jwst.tweakreg import TweakRegStep
from jwst.tweakreg.utils import adjust_wcs, transfer_wcs_correction

VECTORS = Path(__file__).parents[2] / "parity" / "tweakreg.npz"
CASES = [
    "default",
    "general",
    "dao",
    "segmentation",
    "finder",
    "guess",
    "groups",
    "overlap",
    "blank",
    "separation",
    "one_group",
    "sip",
    "absolute",
    "absolute_groups",
    "absolute_short",
    "absolute_far",
]
CUSTOM = ["custom_close", "custom_turned", "custom_close_absolute", "custom_one"]


@pytest.fixture(scope="module")
def released():
    with np.load(VECTORS) as vectors:
        return dict(vectors)


def compare(name, models, released, scenes):
    """Compare exposures with those of a case."""
    for index, model in enumerate(models):
        numbers = scenes.numbers_of(model)
        wanted = {key: released[f"{name}_{index}_{key}"] for key in numbers}
        np.testing.assert_array_equal(numbers["texts"], wanted["texts"])
        np.testing.assert_allclose(numbers["sky"], wanted["sky"], rtol=0, atol=1e-11)
        np.testing.assert_allclose(numbers["region"], wanted["region"], rtol=0, atol=2e-9)
        np.testing.assert_allclose(numbers["sip"], wanted["sip"], rtol=1e-7, atol=1e-9)
    assert f"{name}_{len(models)}_sky" not in released


@pytest.mark.parametrize("name", CASES)
def test_alignment(name, released, scenes, shared, taken, here):
    from astropy.table import Table

    scenes.write_references(here)
    shots, more, parameters, reference = scenes.CASES[name]
    saved = name in scenes.CATALOGS
    parameters = parameters | ({"abs_refcat": reference} if reference else {})
    result = TweakRegStep.call(shared(shots, **more), save_catalogs=saved, **parameters)
    compare(name, taken(result), released, scenes)
    if saved:
        table = Table.read(here / "jw01234001001_02101_00002_nrca1_cal_cat.ecsv")
        assert table.colnames == ["id", "x", "y", "flux"]
        for column in table.colnames:
            np.testing.assert_allclose(table[column], released[f"{name}_catalog_{column}"], rtol=1e-6)


@pytest.mark.parametrize("name", CUSTOM)
def test_catalogs_of_users(name, released, scenes, shared, taken, here):
    scenes.write_custom(here)
    listed, parameters = scenes.CUSTOM[name]
    result = TweakRegStep.call(shared(scenes.TWINS), catfile=listed, **parameters)
    compare(name, taken(result), released, scenes)


def test_catalogs_in_the_metadata(released, scenes, exposures, taken, here):
    scenes.write_custom(here)
    models = scenes.given(exposures(scenes.TWINS))
    result = TweakRegStep.call(models, **scenes.CUSTOM["custom_close"][1])
    compare("custom_meta", taken(result), released, scenes)


@pytest.mark.parametrize("in_memory", [True, False])
def test_catalogs_of_an_association(in_memory, released, scenes, exposures, taken, tmp_path, monkeypatch):
    """Names are relative to the association; nothing depends on where the exposures are kept."""
    folder, elsewhere = tmp_path / "data", tmp_path / "work"
    folder.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    scenes.write_custom(folder)
    members = []
    for model, catalog in zip(exposures(scenes.TWINS), ("one.ecsv", "close.csv"), strict=True):
        model.save(folder / model.meta.filename)
        members.append({"expname": model.meta.filename, "exptype": "science", "tweakreg_catalog": catalog})
    asn = {"asn_type": "image3", "asn_id": "a1", "products": [{"name": "out", "members": members}]}
    (folder / "asn.json").write_text(json.dumps(asn))
    result = TweakRegStep.call(str(folder / "asn.json"), in_memory=in_memory, **scenes.CUSTOM["custom_close"][1])
    assert result.on_disk is not in_memory
    compare("custom_asn", taken(result), released, scenes)


def test_refused_corrections_are_undone(released, scenes, shared, taken, here):
    """The released step aligns to the catalogue on top of corrections that it has refused."""
    scenes.write_custom(here)
    listed, parameters = scenes.CUSTOM["custom_turned_absolute"]
    models = taken(TweakRegStep.call(shared(scenes.TWINS), catfile=listed, **parameters))
    moved = [scenes.on_grid(model.meta.wcs) for model in models]
    np.testing.assert_allclose(moved[0], moved[1], rtol=0, atol=1e-10)
    theirs = [released[f"custom_turned_absolute_{index}_sky"] for index in range(2)]
    assert np.abs(theirs[0] - theirs[1]).max() * 3600 > 0.3


def test_adjusted_by_hand(released, scenes):
    wcs = scenes.wcs_of(scenes.pointings(scenes.THREE[1])[1], (scenes.SIZE, scenes.SIZE))
    before = scenes.on_grid(wcs)
    for name, scale in (("adjusted", 1.0), ("scaled", 1.001)):
        changed = scenes.on_grid(adjust_wcs(wcs, 0.001, -0.002, 0.1, scale))
        np.testing.assert_allclose(changed, released[name], rtol=0, atol=1e-11)
    np.testing.assert_array_equal(scenes.on_grid(wcs), before)


@pytest.fixture(scope="module")
def aligned(scenes):
    """Two exposures, the second of them corrected."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
        library = TweakRegStep.call(scenes.models(scenes.MIDDLE))
    with library:
        result = list(library)
        for model in result:
            library.shelve(model, modify=False)
    return result


@pytest.mark.parametrize("name", ["same", "other", "far"])
def test_corrections_of_other_exposures(name, released, scenes, aligned):
    shot = {"same": scenes.MIDDLE[1], "other": scenes.GROUPS[3], "far": scenes.FOUR[3]}[name]
    target = scenes.model(shot)
    transfer_wcs_correction(target, aligned[1])
    np.testing.assert_allclose(scenes.on_grid(target.meta.wcs), released[f"transferred_{name}"], rtol=0, atol=1e-11)
    assert "cd1_1" in target.meta.wcsinfo.instance


@pytest.mark.parametrize(("name", "source"), [("given", 0), ("given_corrected", 1)])
def test_given_correction(name, source, released, scenes, aligned):
    target = scenes.model(scenes.FOUR[3])
    transfer_wcs_correction(target, aligned[source], matrix=[[1, 1e-4], [-1e-4, 1]], shift=[0.3, -0.1])
    np.testing.assert_allclose(scenes.on_grid(target.meta.wcs), released[f"transferred_{name}"], rtol=0, atol=1e-11)
    assert target.meta.wcsinfo.s_region.startswith("POLYGON ICRS  ")
