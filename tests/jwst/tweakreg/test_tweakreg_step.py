"""The tweakreg step: statuses, products, log lines, bad input; and that it recovers errors of headers."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from jwst.tweakreg import TweakRegStep
from jwst.tweakreg.alignment import AlignmentFailed, Fit, align_absolute, align_relative, is_aligned
from jwst.tweakreg.correctors import make_corrector
from jwst.tweakreg.custom_catalogs import for_alignment
from stpipe.exceptions import InputError, ParameterError

FIT = Fit(minobj=10, fitgeom="rshift", nclip=3, sigma=3.0, searchrad=2.0, separation=1.0, tolerance=0.7, use2dhist=True)


def statuses(models):
    return [model.meta.cal_step.tweakreg for model in models]


def offsets(models, scenes):
    """Distance of the world coordinates from the true ones of the first exposure's header, arcsec, (n, 16, 2)."""
    true = [
        scenes.on_grid(scenes.wcs_of(scenes.pointings(shot)[0], (scenes.SIZE, scenes.SIZE))) for shot in scenes.THREE
    ]
    found = [scenes.on_grid(model.meta.wcs) for model in models]
    return (np.array(found) - true[: len(found)]) * 3600 * [np.cos(np.deg2rad(scenes.DEC)), 1]


def test_headers_are_corrected(scenes, shared, taken):
    models = shared()
    assert np.abs(offsets(models, scenes)).max() > 0.2
    result = taken(TweakRegStep.call(models))
    assert statuses(result) == ["COMPLETE"] * 3
    assert np.abs(offsets(result, scenes)).max() < 0.02
    assert "v2v3corr" not in result[0].meta.wcs.available_frames
    for before, after in zip(models, result, strict=True):
        assert before.meta.cal_step.tweakreg is None
        assert after.meta.wcsinfo.ra_ref == before.meta.wcsinfo.ra_ref
        assert (after.meta.wcsinfo.s_region is None) is (after is result[0])


def test_one_line_per_group(scenes, shared, caplog):
    caplog.set_level(logging.INFO)
    TweakRegStep.call(shared(scenes.GROUPS, scenes.wide_stars()), minobj=10)
    told = [record for record in caplog.records if record.levelno >= logging.INFO and "tweak" in record.name]
    assert not [record for record in told if record.name.startswith("tweakwcs")]
    lines = [record.message for record in told if record.name == "jwst.tweakreg.alignment"]
    assert len(lines) == 2
    assert "stays in its place" in lines[0]
    assert all(word in lines[1] for word in ("nrca1_cal, jw", "mas to the east", "turned by", "matched", "rms"))
    assert logging.getLogger("tweakwcs").propagate


def test_catalog_to_align_to(scenes, shared, taken, here):
    scenes.write_references(here)
    result = taken(TweakRegStep.call(shared()[:2], abs_refcat="true.ecsv"))
    assert np.abs(offsets(result, scenes) - [0.5, 0.25]).max() < 0.02
    assert {model.meta.wcs.name for model in result} == {"FIT-LVL3-true.ecsv"}


def test_nothing_to_align_to(scenes, shared, taken, here, caplog):
    (model,) = taken(TweakRegStep.call(shared()[:1]))
    assert statuses([model]) == ["FAILED"]
    assert "All exposures are of one group" in caplog.text
    assert not os.listdir(here)


@pytest.mark.parametrize("kind", ["ecsv", "fits"])
def test_saved_catalogs(kind, shared, taken, here):
    from astropy.table import Table

    result = TweakRegStep.call(shared()[:1], save_catalogs=True, catalog_format=kind, output_dir="out")
    (model,) = taken(result)
    name = f"jw01234001001_02101_00001_nrca1_cal_cat.{kind}"
    assert statuses([model]) == ["FAILED"]
    assert model.meta.tweakreg_catalog == name
    table = Table.read(here / "out" / name)
    assert table.colnames == ["id", "x", "y", "flux"]


def test_products_and_the_plan(exposures, here):
    names = [model.meta.filename for model in exposures()[:2]]
    for model in exposures()[:2]:
        model.save(here / model.meta.filename)
    members = [{"expname": name, "exptype": "science"} for name in names]
    asn = {"asn_type": "image3", "asn_id": "a1", "products": [{"name": "out", "members": members}]}
    (here / "asn.json").write_text(json.dumps(asn))
    before = set(os.listdir(here))
    parameters = {"save_results": True, "save_catalogs": True, "in_memory": False}
    planned = TweakRegStep.plan("asn.json", **parameters)
    TweakRegStep.call("asn.json", **parameters)
    written = {name for name in os.listdir(here) if name not in before and os.path.isfile(name)}
    roots = [name.removesuffix("_cal.fits") for name in names]
    products = {f"{root}_tweakregstep.fits" for root in roots}
    assert written == products | {f"{root}_cal_cat.ecsv" for root in roots}
    assert written == {os.path.basename(product.path) for product in planned.products}


def test_separation_and_tolerance(shared, taken, caplog):
    assert statuses(taken(TweakRegStep.call(shared(), separation=0.9))) == ["FAILED"] * 3
    assert "square root of 2" in caplog.text


@pytest.mark.parametrize("spoil", ["constant", "nan", "flagged"])
def test_exposures_without_sources(spoil, exposures, taken, caplog):
    models = exposures()[:2]
    for model in models:
        if spoil == "flagged":
            model.dq[:] = 1
        else:
            model.data[:] = 1 if spoil == "constant" else np.nan
    assert statuses(taken(TweakRegStep.call(models))) == ["FAILED"] * 2
    assert "fewer groups of exposures than needed have sources" in caplog.text


def test_exposure_far_off(scenes, shared, taken, caplog):
    """30 arcsec is too far to find; the others are aligned."""
    shots = (*scenes.THREE[:2], scenes.with_error(scenes.THREE[2], 30.0, 0.0, 0.0))
    result = taken(TweakRegStep.call(shared(shots)))
    assert statuses(result) == ["COMPLETE"] * 3
    assert ["v2v3corr" in model.meta.wcs.available_frames for model in result] == [False, True, False]
    assert "fewer sources matched than minobj" in caplog.text


@pytest.mark.parametrize("expand", [False, True])
def test_confused_sources(expand, scenes, monkeypatch):
    """What the library says of too many matches is a failed alignment; any other error is one."""
    import tweakwcs.matchutils

    how = {"enforce_user_order": False, "expand_refcat": expand}

    def fail(*_, **__):
        raise RuntimeError("Number of output coordinates exceeded allocation (10)")

    monkeypatch.setattr(tweakwcs.matchutils, "xyxymatch", fail)
    with pytest.raises(AlignmentFailed, match="several sources match"):
        align_relative(_correctors(scenes, scenes.TWINS), FIT, **how)
    monkeypatch.setattr(tweakwcs.matchutils, "xyxymatch", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        align_relative(_correctors(scenes, scenes.TWINS), FIT, **how)
    assert logging.getLogger("tweakwcs").propagate


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda model: setattr(model.meta, "wcs", None), "run assign_wcs"),
        (lambda model: setattr(model.meta.wcsinfo, "v2_ref", None), "meta.wcsinfo.v2_ref"),
        (lambda model: setattr(model.meta.instrument, "name", "MIRI"), "different instruments"),
        (lambda model: setattr(model.meta, "wcs", _short(model.meta.wcs)), "cannot be corrected"),
    ],
    ids=["no_wcs", "no_v2_ref", "mixed", "no_plane"],
)
def test_exposures_that_cannot_be_aligned(spoil, text, exposures):
    models = exposures()
    spoil(models[1])
    with pytest.raises(InputError, match=text):
        TweakRegStep.call(models)


def _short(wcs):
    """World coordinates without V2 and V3."""
    from gwcs.wcs import WCS

    frames = wcs.available_frames
    return WCS([(wcs.input_frame, wcs.get_transform(frames[0], frames[-1])), (wcs.output_frame, None)])


def test_empty_input(offline):
    with pytest.raises(InputError, match="empty list"):
        TweakRegStep.call([])
    from jwst.datamodels import ModelLibrary

    with pytest.raises(InputError, match="no exposure to align"):
        TweakRegStep.call(ModelLibrary([]))


def test_parameters_are_checked(shared):
    with pytest.raises(ParameterError, match="catalog_format"):
        TweakRegStep.call(shared(), catalog_format="csv")
    with pytest.raises(ParameterError, match="starfinder"):
        TweakRegStep.call(shared(), starfinder="eye")


def test_inside_a_pipeline_models_are_changed_in_place(scenes, exposures):
    from jwst.datamodels import ModelLibrary

    models = exposures(scenes.MIDDLE)
    library = ModelLibrary(models)
    assert TweakRegStep.call(library) is library
    assert statuses(models) == ["COMPLETE"] * 2
    assert "v2v3corr" in models[1].meta.wcs.available_frames


def _correctors(scenes, shots):
    """Correctors with catalogues of all stars, without images."""
    from types import SimpleNamespace

    from astropy.table import Table

    stars = scenes.stars(30, seed=3)
    correctors = []
    for shot in shots:
        true, header = scenes.pointings(shot)
        shape = scenes.SIZE, scenes.SIZE
        x, y = scenes.wcs_of(true, shape).invert(stars[:, 0], stars[:, 1], with_bounding_box=False)
        info = SimpleNamespace(v2_ref=scenes.V2, v3_ref=scenes.V3, roll_ref=header[2])
        meta = SimpleNamespace(filename=f"shot{shot.number}.fits", wcs=scenes.wcs_of(header, shape), wcsinfo=info)
        catalog = for_alignment(Table({"x": x, "y": y}), meta.wcs, meta.filename)
        correctors.append(make_corrector(SimpleNamespace(meta=meta), catalog, shot.number))
    return correctors


def test_the_order_is_kept_as_the_library_keeps_it(scenes):
    """The same solutions as those of align_wcs itself, of groups too, and of exposures that are corrected already."""
    from tweakwcs.imalign import align_wcs

    (ours, library), reference = (_correctors(scenes, scenes.THREE) for _ in range(2)), scenes.truth_table((0.2, 0.1))
    for members in (ours, library):
        members[2].meta["group_id"] = members[1].meta["group_id"]
    align_relative(ours, FIT, enforce_user_order=False, expand_refcat=False)
    align_wcs(library, enforce_user_order=False, expand_refcat=False, **FIT.keywords())
    for step in ("relative", "absolute"):
        if step == "absolute":
            align_absolute(ours, reference, FIT, name="truth")
            for one in library:
                one.meta["group_id"] = 1
            align_wcs(library, refcat=reference, enforce_user_order=True, expand_refcat=False, **FIT.keywords())
        for one, other in zip(ours, library, strict=True):
            assert one.meta["fit_info"]["status"] == other.meta["fit_info"]["status"]
            np.testing.assert_array_equal(scenes.on_grid(one.wcs), scenes.on_grid(other.wcs))


small = st.floats(-0.8, 0.8)


@settings(max_examples=3, phases=[Phase.explicit, Phase.generate], deadline=None)
@given(east=small, north=small, roll=st.floats(-0.2, 0.2), absolute=st.booleans())
@example(east=0.8, north=-0.8, roll=0.2, absolute=True)
def test_any_small_error_is_recovered(east, north, roll, absolute, scenes):
    shots = [scenes.Shot(1), replace(scenes.Shot(2, offset=(0.3, 0.2)), error=(east, north, roll))]
    correctors = _correctors(scenes, shots)
    align_relative(correctors, FIT, enforce_user_order=False, expand_refcat=False)
    info = correctors[1].meta["fit_info"]
    assert (info["status"], info.get("nmatches")) == ("SUCCESS", 22)  # all that are apart, whatever the error
    assert [is_aligned(one) for one in correctors] == [False, True]
    shift = np.zeros(2)
    if absolute:
        shift = np.array([0.4, -0.3])
        align_absolute(correctors, scenes.truth_table(shift, scenes.stars(30, seed=3)), FIT, name="truth")
        assert [one.meta["fit_info"]["status"] for one in correctors] == ["SUCCESS"] * 2
    for one, shot in zip(correctors, shots, strict=True):
        true = scenes.on_grid(scenes.wcs_of(scenes.pointings(shot)[0], (scenes.SIZE, scenes.SIZE)))
        off = (scenes.on_grid(one.wcs) - true) * 3600 * [np.cos(np.deg2rad(scenes.DEC)), 1] - shift
        assert np.abs(off).max() < 0.01
