"""`jwst.lib.exposures`: one library of whatever a step of stage 3 may be given (spec common_imaging.md §4)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels as stdm

from jwst.associations.exceptions import AssociationNotValidError
from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.lib.exposures import open_library, refuse_mixed
from jwst.stpipe import Pipeline, Step
from stpipe.exceptions import InputError

FILES = ["a_cal.fits", "b_cal.fits", "c_cal.fits"]


class PlainStep(Step):
    """A step that only says who it is."""

    class_alias = "plain"

    def process(self, init):
        return open_library(self, init)


class PlainPipeline(Pipeline):
    """A pipeline around it."""

    step_defs = {"plain": PlainStep}


def image(filename, *, instrument="NIRCAM", exptype=None):
    model = stdm.ImageModel(np.ones((3, 4), np.float32))
    model.meta.filename = filename
    model.meta.instrument.name = instrument
    if exptype:
        model.meta.asn.exptype = exptype
    return model


def write_asn(path, names, **keys):
    members = [{"expname": name, "exptype": kind} for name, kind in names]
    products = [{"name": "prod", "members": members}]
    Path(path).write_text(json.dumps({"asn_id": "c1001", "asn_pool": "pool", "products": products, **keys}))
    return str(path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    for name in FILES:
        image(name).save(tmp_path / name)
    return tmp_path


@pytest.fixture
def asn(here):
    return write_asn("x_asn.json", [(FILES[0], "science"), (FILES[1], "SCIENCE"), (FILES[2], "background")])


def models_of(library):
    return list(library.map_function(lambda model, _: model, modify=False))


def names_of(library):
    return [model.meta.filename for model in models_of(library)]


@pytest.mark.parametrize("kind", [str, Path], ids=["text", "path"])
@pytest.mark.parametrize("on_disk", [False, True])
def test_path_of_an_association(asn, kind, on_disk):
    library = open_library(PlainStep(), kind(asn), on_disk=on_disk)
    assert isinstance(library, ModelLibrary)
    assert (names_of(library), library.on_disk) == (FILES, on_disk)
    assert library.asn["asn_id"] == "c1001"
    assert library.asn["table_name"] == "x_asn.json"
    assert library.asn["products"][0]["name"] == "prod"


def test_association_in_memory(asn):
    library = open_library(PlainStep(), json.loads(Path(asn).read_text()))
    assert names_of(library) == FILES
    assert "table_name" not in library.asn


def test_members_of_some_types(asn):
    assert names_of(open_library(PlainStep(), asn, exptypes=["science"])) == FILES[:2]


@pytest.mark.parametrize("on_disk", [False, True])
def test_list_of_paths(here, on_disk):
    library = open_library(PlainStep(), [FILES[0], here / FILES[1]], on_disk=on_disk)
    assert (names_of(library), library.on_disk) == (FILES[:2], on_disk)
    assert "name" not in library.asn["products"][0]
    assert library.exptypes == ["SCIENCE", "SCIENCE"]
    assert [model.meta.asn.exptype for model in models_of(library)] == ["SCIENCE", "SCIENCE"]


def test_exposure_type_of_a_file_is_that_of_its_last_association(here):
    image("d_cal.fits", exptype="background").save("d_cal.fits")
    assert open_library(PlainStep(), [FILES[0], "d_cal.fits"]).exptypes == ["SCIENCE", "background"]


@pytest.mark.parametrize("of", [lambda path: path, lambda path: stdm.open(path)], ids=["path", "model"])
def test_single_exposure(here, of):
    assert names_of(open_library(PlainStep(), of(FILES[0]))) == FILES[:1]


@pytest.mark.parametrize("collect", [list, tuple, ModelContainer], ids=["list", "tuple", "container"])
def test_models_are_copied_where_the_step_runs_alone(here, collect):
    models = [stdm.open(name) for name in FILES]
    alone = models_of(open_library(PlainStep(), collect(models)))
    assert not any(found is model for found, model in zip(alone, models))
    assert not any(np.shares_memory(found.data, model.data) for found, model in zip(alone, models))
    inside = models_of(open_library(PlainPipeline().plain, collect(models)))
    assert all(found is model for found, model in zip(inside, models))


def test_models_and_paths_together(here):
    assert names_of(open_library(PlainStep(), [stdm.open(FILES[0]), FILES[1]])) == FILES[:2]


def test_models_are_not_kept_on_disk(here, caplog):
    caplog.set_level("INFO", "jwst")
    library = open_library(PlainStep(), [stdm.open(FILES[0])], on_disk=True)
    assert not library.on_disk
    assert "not kept on disk" in caplog.text


def test_library_comes_back_as_it_is(asn):
    library = ModelLibrary(asn)
    assert open_library(PlainStep(), library, on_disk=True) is library


def test_bare_names_are_looked_for_in_the_input_folder(here):
    (here / "in").mkdir()
    for name in FILES:
        (here / name).rename(here / "in" / name)
    step = PlainStep(input_dir="in")
    assert names_of(open_library(step, FILES[:2])) == FILES[:2]
    write_asn("in/x_asn.json", [(FILES[0], "science")])
    assert names_of(open_library(step, "x_asn.json")) == FILES[:1]


def test_files_are_opened_when_they_are_borrowed(asn, monkeypatch):
    monkeypatch.setattr(ModelLibrary, "_datamodels_open", lambda *_, **__: pytest.fail("a model was opened"))
    open_library(PlainStep(), asn)
    open_library(PlainStep(), FILES)


def test_a_product_over_an_input_is_a_warning(asn, caplog):
    """The files of an association are inputs of the run, of which the framework warns before it writes to them."""

    class Overwriting(PlainStep):
        def process(self, init):
            library = open_library(self, init)
            self.save_model(models_of(library)[0], suffix=False, output_file=FILES[0], force=True)

    Overwriting().run(asn)
    assert "which is an input of this run" in caplog.text


# What is refused


def test_missing_members_are_all_named(here):
    path = write_asn("x_asn.json", [("no1.fits", "science"), (FILES[0], "science"), ("no2.fits", "science")])
    with pytest.raises(FileNotFoundError, match=r"x_asn.json names what do not exist: .*no1\.fits, .*no2\.fits"):
        open_library(PlainStep(), path)
    with pytest.raises(FileNotFoundError, match=r"no1\.fits"):
        open_library(PlainStep(), [FILES[0], "no1.fits"])


def test_members_that_are_not_wanted_may_be_missing(here):
    path = write_asn("x_asn.json", [(FILES[0], "science"), ("no.fits", "psf")])
    assert names_of(open_library(PlainStep(), path, exptypes=["science"])) == FILES[:1]


@pytest.mark.parametrize("name", ["no_asn.json", "no_cal.fits"])
def test_missing_input(here, name):
    with pytest.raises(FileNotFoundError, match=f"The input file {name} does not exist"):
        open_library(PlainStep(), name)


@pytest.fixture
def outside(here):
    (here / "other").mkdir()
    return lambda name: write_asn("other/x_asn.json", [(name, "science")])


def test_member_outside_of_the_folder(outside):
    path = outside(f"../{FILES[0]}")
    for make in (lambda: open_library(PlainStep(), path), lambda: ModelLibrary(path)):
        with pytest.raises(AssociationNotValidError, match=r"\.\./a_cal.fits, which leads out of the folder"):
            make()
    assert names_of(open_library(PlainStep(), path, allow_outside=True)) == FILES[:1]
    assert names_of(ModelLibrary(path, allow_outside=True)) == FILES[:1]


def test_full_path_is_accepted_with_a_warning(outside, here, caplog):
    assert names_of(open_library(PlainStep(), outside(str(here / FILES[0])))) == FILES[:1]
    assert "has members in other folders than its own" in caplog.text


@pytest.mark.parametrize("given", [3, None, {"a": 1}, b"x_cal.fits", [3]], ids=repr)
def test_what_is_no_exposure(given):
    with pytest.raises(TypeError, match="plain"):
        open_library(PlainStep(name="plain"), given)


def test_name_of_another_kind(here):
    Path("x.txt").write_text("")
    with pytest.raises(ValueError, match="neither an exposure nor an association"):
        open_library(PlainStep(), "x.txt")


def test_no_exposure_at_all(here, asn):
    with pytest.raises(InputError, match="empty list"):
        open_library(PlainStep(), [])
    with pytest.raises(InputError, match=r"x_asn.json has no exposure of type psf"):
        open_library(PlainStep(), asn, exptypes=["psf"])
    with pytest.raises(InputError, match="has no exposure in its first product"):
        open_library(PlainStep(), {"products": [{"name": "p", "members": []}]})
    with pytest.raises(OSError, match="has no product"):
        open_library(PlainStep(), {"products": []})


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '{"products": 3}'])
def test_corrupt_association(here, text):
    Path("x_asn.json").write_text(text)
    with pytest.raises(OSError, match="Cannot read ASN file"):
        open_library(PlainStep(), "x_asn.json")


def test_member_that_cannot_be_read(here):
    Path(FILES[1]).write_bytes(b"no FITS file")
    path = write_asn("x_asn.json", [(FILES[0], "science"), (FILES[1], "science")])
    for given in (path, FILES[:2]):
        with pytest.raises(InputError, match=r"b_cal.fits cannot be read"):
            open_library(PlainStep(), given)


def test_mixed_instruments(here):
    refuse_mixed(open_library(PlainStep(), FILES))
    image("m_cal.fits", instrument="MIRI").save("m_cal.fits")
    with pytest.raises(InputError, match=r"NIRCAM: a_cal.fits, b_cal.fits; MIRI: m_cal.fits"):
        refuse_mixed(open_library(PlainStep(), [*FILES[:2], "m_cal.fits"]))
