"""Whatever is wrong with the input of an imaging pipeline is one clear exception, and one boxed message of ``strun``.

Nothing is left on the disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stdatamodels.jwst import datamodels

from jwst.associations.exceptions import AssociationNotValidError
from jwst.pipeline import Image2Pipeline, Image3Pipeline
from jwst.pipeline.level2_products import NoScienceError
from stpipe.cli.strun import main
from stpipe.exceptions import InputError
from tests.jwst.pipeline.imaging_fields import CALS, RATE, Field

PIPELINES = {"calwebb_image2": Image2Pipeline, "calwebb_image3": Image3Pipeline}


@dataclass(frozen=True)
class Case:
    """One thing that is wrong: the exception, what its text contains, and how to make it so; the input is given."""

    error: type[Exception]
    texts: tuple[str, ...]
    prepare: Callable[[Field], Any]


def text_file(name, text=""):
    def prepare(field):
        Path(name).write_text(text)
        return name

    return prepare


def cut(name):
    def prepare(field):
        os.truncate(name, 6000)
        return name

    return prepare


def outside(member):
    """An association in a folder below that of the exposures."""

    def prepare(field):
        Path("sub").mkdir()
        return field.asn({"prod": [(f"../{member}", "science")]}, "sub/x_asn.json")

    return prepare


def one_of_miri(field):
    field.change(CALS[1], lambda model: setattr(model.meta.instrument, "name", "MIRI"))
    return CALS[:2]


def ramp(field):
    datamodels.RampModel((1, 2, 4, 5)).save("x_ramp.fits")
    return "x_ramp.fits"


def without_coordinates(field):
    return field.change(CALS[0], lambda model: setattr(model.meta, "wcs", None))


def members(*files, kind="science"):
    return lambda field: field.asn({"prod": [(file, kind) for file in files]})


COMMON = {
    "missing file": Case(FileNotFoundError, ("nowhere_rate.fits",), lambda _: "nowhere_rate.fits"),
    "missing association": Case(FileNotFoundError, ("nowhere_asn.json",), lambda _: "nowhere_asn.json"),
    "missing member": Case(FileNotFoundError, ("no_cal.fits", "not exist"), members("no_cal.fits")),
    "corrupt association": Case(Exception, ("x_asn.json",), text_file("x_asn.json", '{"products": [')),
    "no association": Case(Exception, ("x_asn.json", "products"), text_file("x_asn.json", "{}")),
    "text for an association": Case(Exception, ("x_asn.json",), text_file("x_asn.json", "hello")),
}
IMAGE2 = {
    **COMMON,
    "outside": Case(AssociationNotValidError, (RATE, "leads out of the folder", "full path"), outside(RATE)),
    "no product": Case(InputError, ("x_asn.json", "products"), lambda field: field.asn({})),
    "no members": Case(InputError, ("prod", "no members"), lambda field: field.asn({"prod": []})),
    "no science": Case(NoScienceError, ("prod", "no science", "background"), members(RATE, kind="background")),
    "truncated": Case(Exception, (RATE,), cut(RATE)),
    "ramp": Case(InputError, ("x_ramp.fits", "RampModel", "calwebb_detector1"), ramp),
    "number": Case(TypeError, ("int",), lambda _: 3),
}
IMAGE3 = {
    **COMMON,
    "outside": Case(AssociationNotValidError, (CALS[0], "leads out of the folder", "full path"), outside(CALS[0])),
    "no product": Case(OSError, ("has no product",), lambda field: field.asn({})),
    "no members": Case(
        InputError, ("x_asn.json", "no exposure of type science"), lambda field: field.asn({"prod": []})
    ),
    "no science": Case(InputError, ("no exposure of type science",), members(CALS[0], kind="background")),
    "empty list": Case(InputError, ("empty list",), lambda _: []),
    "truncated member": Case(Exception, (CALS[0],), lambda field: members(cut(CALS[0])(field))(field)),
    "mixed instruments": Case(InputError, ("different instruments", "MIRI: ", "NIRCAM: "), one_of_miri),
    "cube": Case(TypeError, ("CubeModel", "calibrated images"), lambda _: RATE.replace("rate", "rateints")),
    "other name": Case(ValueError, ("x.txt", ".fits", ".json"), text_file("x.txt")),
    "number": Case(TypeError, ("int", "association"), lambda _: 3),
    "list of numbers": Case(TypeError, ("int", "paths"), lambda _: [3]),
    "no coordinates": Case(InputError, (CALS[0],), without_coordinates),
}
CASES = {
    **{f"image2 {name}": ("calwebb_image2", case) for name, case in IMAGE2.items()},
    **{f"image3 {name}": ("calwebb_image3", case) for name, case in IMAGE3.items()},
}
pytestmark = [
    pytest.mark.filterwarnings("ignore:The association names members with their folders:UserWarning"),
    pytest.mark.filterwarnings("ignore::stdatamodels.exceptions.ValidationWarning"),
]


def steps_of(alias, field):
    """References of the steps."""
    return field.steps if alias == "calwebb_image2" else {"source_catalog": {"skip": True}}


@pytest.mark.parametrize(("alias", "case"), CASES.values(), ids=CASES)
def test_in_python(alias, case, field):
    given = case.prepare(field)
    before = field.files()
    with pytest.raises(case.error) as info:
        PIPELINES[alias].call(given, steps=steps_of(alias, field), save_results=True)
    for text in case.texts:
        assert text in str(info.value)
    assert field.files() == before


@pytest.mark.parametrize(("alias", "case"), CASES.values(), ids=CASES)
def test_by_strun(alias, case, field, capsys):
    given = case.prepare(field)
    if not isinstance(given, str):
        pytest.skip("the command line takes one name")
    before = field.files()
    steps = steps_of(alias, field).items()
    options = [f"--steps.{step}.{name}={value}" for step, values in steps for name, value in values.items()]
    status = main([alias, given, "--save_results=true", *options])
    output, errors = capsys.readouterr()
    assert status == 1
    assert "Traceback" not in errors + output
    assert all(text in " ".join(output.split()) for text in case.texts)
    assert output.count("-" * 80) == 2
    assert field.files() == before


# What is odd, and no error


def test_all_pixels_flagged(field):
    """No pixel can be used: there are products, of NaN."""
    for name in CALS[:2]:
        field.change(name, lambda model: model.dq.fill(1))
    Image3Pipeline.call(CALS[:2], save_results=True, steps={"source_catalog": {"skip": True}})
    with datamodels.open("step_i2d.fits") as model:
        assert np.isnan(model.data).all()
        assert not model.wht.any()


def test_one_product_of_several_fails(field, caplog):
    """The others are saved, and the error says which one it was."""
    Path("bad_rate.fits").write_bytes(b"no FITS file")
    asn = field.asn(
        {
            "one": [(RATE, "science")],
            "two": [("bad_rate.fits", "science")],
            "three": [(RATE, "background")],
            "four": [(RATE, "science")],
        }
    )
    before = set(field.files())
    with pytest.raises(InputError, match="bad_rate.fits"):
        Image2Pipeline.call(asn, steps={**field.steps, "resample": {"skip": True}}, save_results=True)
    assert set(field.files()) - before == {"one_cal.fits", "four_cal.fits"}
    assert "2 of 4 products failed" in caplog.text
    assert "three: NoScienceError: The product three of x_asn.json has no science exposure" in caplog.text


def test_several_science_members(field, caplog):
    asn = field.asn({"prod": [(RATE, "science"), ("background_rate.fits", "SCIENCE")]})
    (model,) = Image2Pipeline.call(asn, steps={**field.steps, "resample": {"skip": True}})
    assert "has 2 science exposures; only the first is used" in caplog.text
    assert np.nanmedian(model.data) == pytest.approx(1.5, rel=0.05)
