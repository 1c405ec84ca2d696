"""World coordinates of images: frames, boxes, offsets, keywords, bad input (spec assign_wcs_imaging.md)."""

from __future__ import annotations

import importlib

import asdf
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling import bind_bounding_box
from astropy.modeling.models import Identity, Mapping, Polynomial2D, Scale, Shift
from astropy.wcs import WCS as FitsWCS
from gwcs import coordinate_frames as cf
from gwcs.wcs import WCS
from stdatamodels.jwst import datamodels

from jwst.assign_wcs import AssignWcsStep
from jwst.assign_wcs.assign_wcs import IMAGE_TYPES, image_types, load_wcs
from jwst.assign_wcs.util import is_sky_like, update_fits_wcsinfo, update_s_region_imaging
from jwst.lib.reffile_utils import MatchRowError
from stpipe.exceptions import InputError, MissingMetadataError

NX, NY = 120, 100
CENTRE = (59.5, 49.5)
BEGIN = {"NIRCAM": "NRC", "MIRI": "MIR", "NIRISS": "NIS", "FGS": "FGS"}


def simple(instrument="NIRCAM", shape=(NY, NX), **keywords):
    """An exposure of the bench of the specification."""
    model = datamodels.ImageModel() if len(shape) == 2 else datamodels.CubeModel()
    model.data = np.ones(shape, np.float32)
    meta = model.meta
    meta.instrument.name, meta.exposure.type = instrument, f"{BEGIN[instrument]}_IMAGE"
    meta.instrument.filter, meta.instrument.pupil = "F200W", "CLEAR"
    ny, nx = shape[-2:]
    meta.subarray.xstart, meta.subarray.ystart, meta.subarray.xsize, meta.subarray.ysize = 1, 1, nx, ny
    meta.velocity_aberration.scale_factor = 1.00001
    info = {"v2_ref": 120.0, "v3_ref": -527.0, "roll_ref": 30.0, "ra_ref": 80.0, "dec_ref": -69.5}
    info |= {"v3yangle": -0.5, "vparity": -1, "wcsaxes": 2, "crval1": 80.0, "crval2": -69.5, "cdelt1": 8.67e-6}
    info |= {"crpix1": (nx + 1) / 2, "crpix2": (ny + 1) / 2, "pc1_1": -1.0}
    for key, value in info.items():
        setattr(meta.wcsinfo, key, value)
    for key, value in keywords.items():
        node, name = key.split("__")
        setattr(getattr(meta, node), name, value)
    return model


def linear():
    to_field = Scale(-0.0312) & Scale(0.0312) | Shift(120.0) & Shift(-527.0)
    return Shift(-CENTRE[0]) & Shift(-CENTRE[1]) | to_field


def distortion(transform=None):
    """A reference in memory."""
    model = datamodels.DistortionModel(model=transform or linear(), input_units="pixel", output_units="arcsec")
    model.meta.reftype = "distortion"
    return model


def offsets(path, *rows, names=("filter", "pupil", "column_offset", "row_offset")):
    filters = [dict(zip(names, row, strict=True)) for row in rows]
    asdf.AsdfFile({"meta": {"reftype": "filteroffset"}, "filters": filters}).write_to(path)
    return str(path)


def called(model, transform=None, *, references=None, **parameters):
    """Result of the step."""
    given = dict.fromkeys(AssignWcsStep.reference_file_types, "N/A")
    given |= {"distortion": distortion(transform)} | (references or {})
    return AssignWcsStep.call(model, **{f"override_{kind}": given[kind] for kind in given}, **parameters)


@pytest.fixture(scope="module")
def result():
    """Tests do not change it."""
    return called(simple())


def limits(model):
    return model.meta.wcs.bounding_box.bounding_box(order="F")


def test_frames_and_coordinates(result):
    wcs = result.meta.wcs
    assert wcs.available_frames == ["detector", "v2v3", "v2v3vacorr", "world"]
    assert limits(result) == ((-0.5, 119.5), (-0.5, 99.5))
    expected = {
        (0, 0): (80.0006627162, -69.5006293624),
        CENTRE: (80, -69.5),
        (119, 99): (79.9993373227, -69.4993706351),
    }
    for pixel, sky in expected.items():
        assert wcs(*pixel) == pytest.approx(sky, rel=0, abs=1e-10)
    assert wcs.get_transform("detector", "v2v3")(0, 0) == pytest.approx((121.8564, -528.5444), rel=0, abs=1e-10)
    moved = wcs.get_transform("detector", "v2v3vacorr")(0, 0)
    assert moved == pytest.approx((121.85641856, -528.54441544), rel=0, abs=1e-8)
    assert np.isnan(wcs(-0.6, 0)).all()
    assert np.isfinite(wcs(-0.5, 0)).all()
    assert wcs.invert(80, -69.5) == pytest.approx(CENTRE, rel=0, abs=1e-8)
    assert wcs.output_frame.reference_frame.name == "icrs"
    assert [str(unit) for unit in wcs.v2v3.unit] == ["arcsec", "arcsec"]


def test_the_last_parameters_are_the_pointing(result):
    """Tools change the pointing there."""
    model = result.meta.wcs.get_transform("v2v3vacorr", "world")
    assert model.name == "v23tosky"
    np.testing.assert_allclose(model.parameters[-5:], [120 / 3600, 527 / 3600, 30, -69.5, -80])
    assert result.meta.wcs.get_transform("v2v3", "v2v3vacorr").name == "DVA_Correction"


def test_footprint(result):
    assert result.meta.wcsinfo.s_region == (
        "POLYGON ICRS  80.000667246 -69.500635282 80.001904590 -69.499884710 79.999332794 -69.499364716 "
        "79.998095389 -69.500115269"
    )


def test_linear_approximation(result):
    info = result.meta.wcsinfo.instance
    assert (info["ctype1"], info["ctype2"]) == ("RA---TAN", "DEC--TAN")
    expected = [-7.5056040573e-06, 4.3333766668e-06, 4.3333625229e-06, 7.5056285552e-06]
    assert [info[key] for key in ("cd1_1", "cd1_2", "cd2_1", "cd2_2")] == pytest.approx(expected, rel=1e-9)
    assert info["sipmxerr"] == pytest.approx(1.35e-6, rel=0.01)
    assert not {"a_order", "cdelt1", "pc1_1", "naxis"} & set(info)
    assert (info["ra_ref"], info["v3yangle"], info["vparity"]) == (80.0, -0.5, -1)


def test_without_approximation():
    info = called(simple(), sip_approx=False).meta.wcsinfo.instance
    assert info["cdelt1"] == 8.67e-6
    assert "cd1_1" not in info


def quadratic():
    """Polynomials about the centre, then arcsec."""
    curved = Polynomial2D(2, c1_0=1, c2_0=2e-5, c1_1=1e-5) & Polynomial2D(2, c0_1=1, c1_1=-1e-5, c0_2=3e-5)
    model = Shift(-CENTRE[0]) & Shift(-CENTRE[1]) | Mapping((0, 1, 0, 1)) | curved
    return model | Scale(-0.0312) & Scale(0.0312) | Shift(120.0) & Shift(-527.0)


def test_approximation_with_polynomials():
    info = called(simple(), quadratic()).meta.wcsinfo.instance
    assert [info[f"{name}_order"] for name in ("a", "b", "ap", "bp")] == [2, 2, 2, 2]
    assert [info["a_2_0"], info["a_1_1"], info["b_0_2"]] == pytest.approx([2.0e-5, 1.00004e-5, 3.0e-5], rel=1e-4)
    assert info["ctype1"] == "RA---TAN-SIP"
    assert info["sipiverr"] == pytest.approx(1.5e-4, rel=0.1)
    info = called(simple(), quadratic(), sip_degree=3, sip_inv_degree=2).meta.wcsinfo.instance
    assert (info["a_order"], info["ap_order"]) == (3, 2)


def test_an_old_approximation_is_replaced():
    model = called(simple(), quadratic())
    info = called(model).meta.wcsinfo.instance
    assert info["ctype1"] == "RA---TAN"
    assert not [key for key in info if key.startswith(("a_", "b_", "ap_", "bp_"))]


def test_plain_astropy_reads_the_approximation(tmp_path):
    result = called(simple(), quadratic())
    result.save(tmp_path / "saved.fits")
    x, y = np.meshgrid(np.linspace(0, NX - 1, 7), np.linspace(0, NY - 1, 7))
    with datamodels.open(tmp_path / "saved.fits") as model:
        sky = model.meta.wcs(x, y)
        np.testing.assert_array_equal(sky, result.meta.wcs(x, y))
        assert limits(model) == limits(result)
    pixels = FitsWCS(fits.getheader(tmp_path / "saved.fits", "SCI")).all_world2pix(*sky, 0)
    np.testing.assert_allclose(pixels, [x, y], rtol=0, atol=0.01)  # the tolerance asked for


def test_no_approximation_is_no_failure(caplog):
    result = called(simple(), sip_npoints=4)
    assert "No FITS approximation (SIP)" in caplog.text
    assert result.meta.cal_step.assign_wcs == "COMPLETE"
    assert result.meta.wcsinfo.instance["cdelt1"] == 8.67e-6


def test_an_approximation_that_is_too_coarse_is_told(caplog):
    called(simple(), quadratic(), sip_max_pix_error=1e-15)
    assert "SIP approximation: Failed to achieve requested SIP approximation accuracy" in caplog.text


def test_filter_offset(tmp_path):
    path = offsets(tmp_path / "o.asdf", ("F200W", "CLEAR", 1.5, -0.25), ("F150W", "CLEAR", 9.0, 9.0))
    result = called(simple(), references={"filteroffset": path})
    assert result.meta.wcs(*CENTRE) == pytest.approx((79.9999647587, -69.4999953764), rel=0, abs=1e-10)
    assert limits(result) == ((-0.5, 119.5), (-0.5, 99.5))
    info = result.meta.wcsinfo
    assert (info.crval1, info.crval2) == pytest.approx((79.9999647587, -69.4999953764), rel=0, abs=1e-10)


@pytest.mark.parametrize(
    "row", [("F115W", "CLEAR", 1.5, 1.0), ("F200W", "F162M", 1.5, 1.0), ("F200W", "CLEAR", "N/A", "N/A")]
)
def test_no_filter_offset(tmp_path, row):
    result = called(simple(), references={"filteroffset": offsets(tmp_path / "o.asdf", row)})
    assert result.meta.wcs(*CENTRE) == pytest.approx((80, -69.5), rel=0, abs=1e-10)


def test_miri_takes_the_first_row_of_the_filter(tmp_path):
    names = ("filter", "column_offset", "row_offset")
    path = offsets(tmp_path / "o.asdf", ("F560W", 9, 9), ("F200W", 1.5, -0.25), ("F200W", 7.0, 7.0), names=names)
    result = called(simple("MIRI"), references={"filteroffset": path})
    assert result.meta.wcs(*CENTRE) == pytest.approx((79.9999647587, -69.4999953764), rel=0, abs=1e-10)
    assert called(simple("MIRI")).meta.wcs(*CENTRE) == pytest.approx((80, -69.5), rel=0, abs=1e-10)


def test_two_rows_of_a_filter(tmp_path):
    path = offsets(tmp_path / "o.asdf", ("F200W", "CLEAR", 1.5, 1.0), ("F200W", "CLEAR", 1.0, 1.0))
    with pytest.raises(MatchRowError, match="2 rows for the filter F200W and the pupil CLEAR"):
        called(simple(), references={"filteroffset": path})
    assert called(simple("FGS"), references={"filteroffset": path}).meta.cal_step.assign_wcs == "COMPLETE"


def test_subarray(result):
    place = {"xstart": 11, "ystart": 21, "xsize": 50, "ysize": 40}
    model = simple(shape=(40, 50), **{f"subarray__{name}": value for name, value in place.items()})
    boxed = linear()
    bind_bounding_box(boxed, ((2.5, 100.5), (5.5, 90.5)), order="F")
    for transform in (None, boxed):
        cut = called(model, transform)
        assert limits(cut) == ((-0.5, 49.5), (-0.5, 39.5))
        assert cut.meta.wcs(0, 0) == pytest.approx((80.0006958669, -69.5004359161), rel=0, abs=1e-10)
        assert cut.meta.wcs(0, 0) == pytest.approx(result.meta.wcs(10, 20), rel=0, abs=1e-12)


@pytest.mark.parametrize("instrument", list(BEGIN))
def test_box_of_the_reference(instrument):
    boxed = linear()
    bind_bounding_box(boxed, ((5.5, 90.5), (2.5, 100.5)), order="C")
    assert limits(called(simple(instrument), boxed)) == ((2.5, 100.5), (5.5, 90.5))


def test_the_reference_in_memory_is_left_alone():
    reference = distortion()
    result = called(simple(), references={"distortion": reference})
    result.meta.wcs.pipeline[0].transform[-1].offset = 3.0
    assert reference.model[-1].offset == -527.0
    with pytest.raises(NotImplementedError):
        _ = reference.model.bounding_box


@pytest.mark.filterwarnings("ignore::stdatamodels.exceptions.ValidationWarning")
def test_a_reference_file_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "d.asdf"
    field = []
    for shift in (0.0, 0.125):
        tree = {"meta": {"reftype": "distortion"}, "model": linear() | Shift(shift) & Shift(0.0)}
        asdf.AsdfFile(tree).write_to(path)
        for _ in range(2):  # the second time from what is kept
            result = called(simple(), references={"distortion": str(path)})
            field.append(result.meta.wcs.get_transform("detector", "v2v3")(*CENTRE)[0])
            result.meta.wcs.pipeline[0].transform[0].offset = 5.0  # of this exposure only
    assert field == pytest.approx([120.0, 120.0, 120.125, 120.125])


@pytest.mark.parametrize("scale", [None, 1.0])
def test_without_velocity_aberration(scale):
    result = called(simple(velocity_aberration__scale_factor=scale))
    assert result.meta.wcs(0, 0) == pytest.approx((80.0006627096, -69.5006293561), rel=0, abs=1e-10)


def test_right_ascension_about_zero():
    model = simple(wcsinfo__ra_ref=0.0, wcsinfo__dec_ref=0.0, wcsinfo__roll_ref=0.0)
    result = called(model)
    assert result.meta.wcs(0, 0)[0] == pytest.approx(0.00051567, rel=0, abs=1e-8)
    assert result.meta.wcs(119, 0)[0] == pytest.approx(359.99948433, rel=0, abs=1e-8)
    corners = [float(value) for value in result.meta.wcsinfo.s_region.split()[2:]]
    assert all(0 <= value < 360 for value in corners[::2])


def test_cubes_have_the_same_coordinates(result):
    cube = called(simple(shape=(3, NY, NX)))
    x, y = np.meshgrid(np.arange(0, NX, 30.0), np.arange(0, NY, 30.0))
    np.testing.assert_array_equal(cube.meta.wcs(x, y), result.meta.wcs(x, y))


def test_modules_of_the_instruments():
    assert len(IMAGE_TYPES) == 19
    for name in ("NIRCam", "MIRI", "NIRISS", "FGS"):
        module = importlib.import_module(f"jwst.assign_wcs.{name.lower()}")
        model = simple(name.upper())
        for exp_type in image_types(name):
            model.meta.exposure.type = exp_type
            steps = module.create_pipeline(model, {"distortion": distortion()})
            assert WCS(steps)(*CENTRE) == pytest.approx((80, -69.5), rel=0, abs=1e-10)
        assert [frame.name for frame, _ in module.imaging(model, {"distortion": distortion()})][-1] == "world"
        model.meta.exposure.type = "NRS_DARK"
        with pytest.raises(KeyError, match="NRS_DARK"):
            module.create_pipeline(model, {"distortion": distortion()})


@pytest.mark.parametrize("name", ["v2_ref", "v3_ref", "roll_ref", "ra_ref", "dec_ref"])
def test_missing_pointing(name):
    with pytest.raises(MissingMetadataError, match=f"meta.wcsinfo.{name}.*skip assign_wcs"):
        called(simple(**{f"wcsinfo__{name}": None}))


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_impossible_velocity_aberration(scale):
    with pytest.raises(InputError, match="VA_SCALE"):
        called(simple(velocity_aberration__scale_factor=scale))


def test_no_distortion(tmp_path):
    path = offsets(tmp_path / "o.asdf", ("F200W", "CLEAR", 1.5, 1.0))
    with pytest.raises(InputError, match="needs a DISTORTION reference"):
        called(simple(), references={"distortion": "N/A", "filteroffset": path})
    with pytest.raises(InputError, match=r"none were passed. Looked up: distortion, filteroffset"):
        called(simple(), references={"distortion": "N/A"})


def test_a_subarray_of_unknown_size():
    with pytest.raises(InputError, match="SUBSIZE1"):
        called(simple(subarray__xstart=5, subarray__xsize=None))


def test_an_exposure_without_an_image():
    model = simple()
    empty = datamodels.ImageModel()
    empty.update(model)
    with pytest.raises(InputError, match="no image"):
        load_wcs(empty, {"distortion": distortion()})


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"meta": {"reftype": "filteroffset"}, "filters": []},
            "is a FILTEROFFSET reference, and given as a DISTORTION",
        ),
        ({"meta": {"reftype": "distortion"}, "other": 1}, "has no 'model'"),
        ({"meta": {"reftype": "distortion"}, "model": Identity(3)}, "no transform from two pixels"),
        ({"meta": {"reftype": "distortion"}, "model": [1, 2]}, "no transform from two pixels"),
    ],
)
def test_a_reference_of_another_kind(tmp_path, tree, message):
    asdf.AsdfFile(tree).write_to(tmp_path / "wrong.asdf")
    with pytest.raises(InputError, match=message):
        load_wcs(simple(), {"distortion": str(tmp_path / "wrong.asdf")})


def test_filter_offsets_that_are_none(tmp_path):
    asdf.AsdfFile({"meta": {"reftype": "filteroffset"}, "filters": ["F200W"]}).write_to(tmp_path / "wrong.asdf")
    with pytest.raises(InputError, match="no rows of names and values"):
        load_wcs(simple(), {"distortion": distortion(), "filteroffset": str(tmp_path / "wrong.asdf")})


def test_a_reference_of_another_detector(caplog):
    reference = distortion()
    reference.meta.instrument.name, reference.meta.instrument.detector = "NIRCAM", "NRCB1"
    load_wcs(simple(instrument__detector="NRCA1"), {"distortion": reference})
    assert "DISTORTION reference is for NRCB1, and the exposure is of NRCA1" in caplog.text


def test_footprints_that_cannot_be(caplog):
    model = simple(wcsinfo__s_region="as before")
    plane = cf.Frame2D(name="plane")
    model.meta.wcs = WCS([(cf.Frame2D(name="detector"), Shift(1.0) & Shift(2.0)), (plane, None)])
    assert not is_sky_like(plane)
    update_s_region_imaging(model)
    assert model.meta.wcsinfo.s_region is None
    result = called(simple(wcsinfo__s_region="as before"), linear() | Scale(np.nan) & Scale(1.0), sip_approx=False)
    assert result.meta.wcsinfo.s_region == "as before"
    result.meta.wcs.bounding_box = None
    update_s_region_imaging(result)
    assert result.meta.wcsinfo.s_region == "as before"
    assert "No footprint on the sky" in caplog.text


def test_approximation_of_other_coordinates(result):
    """As tweakreg asks for it: corrected coordinates, and a reference pixel of one's own."""
    model = simple()
    header = update_fits_wcsinfo(model, imwcs=result.meta.wcs, crpix=(1.0, 1.0), degree=1)
    assert (model.meta.wcsinfo.crpix1, model.meta.wcsinfo.crpix2) == (1.0, 1.0)
    assert (header["CRVAL1"], header["CRVAL2"]) == pytest.approx(result.meta.wcs(0, 0), rel=0, abs=1e-10)
