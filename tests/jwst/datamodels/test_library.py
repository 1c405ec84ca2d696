"""`ModelLibrary`: spec jwst_base.md §9, and what a `JwstStep` does with one."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.jwst import datamodels as stdm

from jwst import datamodels
from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.datamodels.metadata import flat_metadata, plain_metadata, read_group_facts
from jwst.stpipe import Step, query_step_status, record_step_status
from stpipe.library import AbstractModelLibrary, BorrowError
from stpipe.outputs import is_library

OBSERVATION = {
    "program_number": "00001",
    "observation_number": "002",
    "visit_number": "003",
    "visit_group": "04",
    "sequence_id": "1",
    "activity_id": "0g",
    "exposure_number": "5",
}
GROUP_ID = "jw00001002003_0410g_5"
FILES = ["jw001_cal.fits", "jw002_cal.fits", "jw003_cal.fits"]


def make_image(filename, *, group_id=None, observation=()):
    image = stdm.ImageModel(np.arange(16, dtype=np.float32).reshape(4, 4))
    image.meta.filename = filename
    image.meta.instrument.name = "NIRCAM"
    image.meta.wcsinfo.spectral_region = [1, 2]
    for name, value in dict(observation).items():
        setattr(image.meta.observation, name, value)
    if group_id:
        image.meta.group_id = group_id
    return image


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    return tmp_path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """An association of an exposure without any group, one with observation keywords, and one with a stored group."""
    folder = tmp_path_factory.mktemp("inputs")
    make_image(FILES[0]).save(folder / FILES[0])
    make_image(FILES[1], observation=OBSERVATION).save(folder / FILES[1])
    make_image(FILES[2], group_id="stored", observation=OBSERVATION).save(folder / FILES[2])
    members = [
        {"expname": FILES[0], "exptype": "background", "tweakreg_catalog": " "},
        {"expname": FILES[1], "exptype": "SCIENCE", "tweakreg_catalog": "cat.ecsv"},
        {"expname": FILES[2], "exptype": "science"},
    ]
    table = {"asn_id": "a1", "asn_pool": "pool.csv", "products": [{"name": "prod", "members": members}]}
    (folder / "x_asn.json").write_text(json.dumps(table))
    return folder


@pytest.fixture
def asn_path(here, inputs):
    """Path of the association, in a folder of its own."""
    shutil.copytree(inputs, here / "in")
    return "in/x_asn.json"


@pytest.fixture(params=[False, True], ids=["in memory", "on disk"])
def on_disk(request):
    return request.param


@pytest.fixture
def library(asn_path, on_disk):
    return ModelLibrary(asn_path, on_disk=on_disk)


def asked(library, function):
    """What a function says of each model."""
    return list(library.map_function(lambda model, _: function(model), modify=False))


# The table of §9


def test_public_names(library):
    assert datamodels.ModelLibrary is ModelLibrary
    assert isinstance(library, AbstractModelLibrary)
    assert is_library(library)
    assert library.crds_observatory == "jwst"


def test_exposure_types_and_folder(library, here, on_disk):
    assert library.exptypes == ["background", "SCIENCE", "science"]
    assert library.indices_for_exptype("Science") == [1, 2]
    assert library.asn_dir == str(here / "in")
    assert library.on_disk is on_disk


def test_group_ids(library):
    assert library.group_indices == {"exposure0001": [0], GROUP_ID: [1], "stored": [2]}


def test_group_id_of_a_member_wins(asn_path):
    table = json.loads(Path(asn_path).read_text())
    table["products"][0]["members"][2]["group_id"] = "g7"
    Path(asn_path).write_text(json.dumps(table))
    library = ModelLibrary(asn_path)
    assert library.group_names == {"exposure0001", GROUP_ID, "g7"}
    assert asked(library, lambda model: model.meta.group_id) == ["exposure0001", GROUP_ID, "g7"]


def test_group_ids_of_models(asn_path):
    models = [make_image("a.fits", group_id="g"), make_image("b.fits", observation=OBSERVATION), make_image(None)]
    assert ModelLibrary(models).group_indices == {"g": [0], GROUP_ID: [1], "exposure0003": [2]}


def test_set_on_loading(library):
    first, second, third = asked(library, lambda model: model.meta.instance)
    asn = {"table_name": "x_asn.json", "pool_name": "pool.csv"}
    assert first["asn"] == {"exptype": "background", **asn}
    assert second["asn"] == {"exptype": "SCIENCE", **asn}
    assert (first["group_id"], second["group_id"], third["group_id"]) == ("exposure0001", GROUP_ID, "stored")
    assert (first.get("tweakreg_catalog"), second["tweakreg_catalog"]) == (None, "cat.ecsv")
    assert "tweakreg_catalog" not in third


def test_association_of_a_list():
    second = make_image(None)
    second.meta.asn.exptype = "psf"
    models = [make_image("a_cal.fits"), second]
    library = ModelLibrary(models)
    assert library.asn == {
        "products": (
            {
                "members": (
                    {"expname": "a_cal.fits", "exptype": "SCIENCE", "group_id": "exposure0001"},
                    {"expname": "model.fits", "exptype": "psf", "group_id": "exposure0002"},
                )
            },
        )
    }
    assert [model.meta.asn.instance for model in models] == [{"exptype": "SCIENCE"}, {"exptype": "psf"}]
    with library:
        assert list(library) == models
        for model in models:
            library.shelve(model)


def test_library_of_a_container(asn_path):
    library = ModelLibrary(ModelContainer(asn_path))
    assert library.exptypes == ["background", "SCIENCE", "science"]
    assert len(library) == 3


@pytest.mark.parametrize("exptypes", [["science"], "SCIENCE"])
def test_choice_of_exposure_types_is_without_case(asn_path, exptypes):
    assert ModelLibrary(asn_path, asn_exptypes=exptypes).exptypes == ["SCIENCE", "science"]


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_unreadable_association(here, text):
    Path("x_asn.json").write_text(text)
    with pytest.raises(OSError, match="Cannot read ASN file"):
        ModelLibrary("x_asn.json")


def test_a_single_model_is_no_init():
    with pytest.raises(ValueError, match="Invalid init"):
        ModelLibrary(make_image("a_cal.fits"))


@pytest.mark.parametrize(
    "name", ["{here}/in/jw002_cal.fits", "../in/jw002_cal.fits", "~/in/jw002_cal.fits", "$IN/jw002_cal.fits"]
)
def test_members_elsewhere(asn_path, here, monkeypatch, name):
    """A library, a container, and the look-up of references agree on where a member is."""
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setenv("IN", str(here / "in"))
    members = [{"expname": name.format(here=here), "exptype": "science"}]
    (here / "other").mkdir()
    path = here / "other" / "y_asn.json"
    path.write_text(json.dumps({"asn_id": "a1", "asn_pool": "p", "products": [{"members": members}]}))
    library = ModelLibrary(path, allow_outside=True)
    assert asked(library, lambda model: model.meta.filename) == ["jw002_cal.fits"]
    assert ModelContainer(path)[0].meta.filename == "jw002_cal.fits"
    assert Step._get_crds_parameters(path)[0]["meta.filename"] == "jw002_cal.fits"


# Metadata without models


def no_models(monkeypatch):
    """Have every opening of a model fail."""

    def fail(*args, **kwargs):
        raise AssertionError("a model was opened")

    monkeypatch.setattr(ModelLibrary, "_datamodels_open", fail)


def test_read_metadata_opens_no_model(library, monkeypatch):
    no_models(monkeypatch)
    metadata = library.read_metadata(1)
    assert metadata["meta.instrument.name"] == "NIRCAM"
    assert metadata["meta.wcsinfo.spectral_region.1"] == 2
    assert metadata["meta.asn.exptype"] == "SCIENCE"
    assert metadata["meta.asn.table_name"] == "x_asn.json"
    assert metadata["meta.asn.pool_name"] == "pool.csv"
    assert metadata["meta.group_id"] == GROUP_ID
    assert metadata["meta.tweakreg_catalog"] == "cat.ecsv"
    assert "meta.tweakreg_catalog" not in library.read_metadata(0)
    assert library.read_metadata(-1)["meta.filename"] == FILES[2]


def own(model):
    """Parameters of a model itself, without what says how its file was written."""
    left_out = ("meta.date", "_fits_hash", "history.", "asdf_library.", "cal_logs.")
    return {key: value for key, value in model.get_crds_parameters().items() if not key.startswith(left_out)}


def read(library, index):
    metadata = library.read_metadata(index)
    return {name: value for name, value in metadata.items() if name.startswith("meta.") and name != "meta.date"}


@pytest.mark.parametrize("change", [False, True], ids=["clean", "modified"])
def test_read_metadata_equals_the_parameters_of_the_model(library, change):
    before = read(library, 1)
    with library:
        model = library.borrow(1)
        assert before == own(model)
        if change:
            model.meta.target.catalog_name = "T"
            model.meta.group_id = "other"
            model.meta.instrument.name = None
            model.meta.observation.program_number = np.str_("00009")
            model.meta.exposure.nints = np.int64(3)
            model.meta.unknown = {"list": [1, {"a": 2.5}], "none": None}
            model.cal_logs = {"calwebb": ["a line"]}
        expected = own(model)
        expected |= {"meta.exposure.nints": 3} if change else {}
        library.shelve(model, modify=change)
    assert read(library, 1) == expected
    assert not any(name.startswith(("data", "cal_logs")) for name in library.read_metadata(1))


def test_read_metadata_of_models_in_a_list():
    model = make_image("a_cal.fits")
    library = ModelLibrary([model])
    assert read(library, 0) == own(model)


def test_read_metadata_nested(library):
    tree = library.read_metadata(1, flatten=False)
    assert tree["meta"]["wcsinfo"] == {"spectral_region": [1, 2]}
    assert tree["meta"]["asn"] == {"exptype": "SCIENCE", "table_name": "x_asn.json", "pool_name": "pool.csv"}
    assert "data" not in tree
    assert flat_metadata(tree) == library.read_metadata(1)


def test_nested_metadata_are_a_copy():
    model = make_image("a_cal.fits")
    library = ModelLibrary([model])
    library.read_metadata(0, flatten=False)["meta"]["instrument"]["name"] = "MIRI"
    assert model.meta.instrument.name == "NIRCAM"


def test_read_metadata_of_a_borrowed_member(library):
    with library:
        model = library.borrow(1)
        with pytest.raises(BorrowError, match="already borrowed"):
            library.read_metadata(1)
        library.shelve(model)


def test_read_metadata_of_asdf(here):
    model = make_image("a_cal.asdf", group_id="g")
    model.save("a_cal.asdf")
    library = ModelLibrary({"products": [{"members": [{"expname": "a_cal.asdf", "exptype": "science"}]}]})
    assert library.group_names == {"g"}
    model.meta.asn.exptype = "science"
    assert read(library, 0) == own(model)


def test_a_plain_fits_file_has_the_metadata_of_its_header(here):
    header = fits.Header({"INSTRUME": "MIRI", "FILENAME": "p.fits"})
    fits.HDUList([fits.PrimaryHDU(header=header), fits.ImageHDU(np.zeros((4, 4), "f4"), name="SCI")]).writeto("p.fits")
    library = ModelLibrary({"products": [{"members": [{"expname": "p.fits", "exptype": "science"}]}]})
    assert library.read_metadata(0) == {
        "meta.instrument.name": "MIRI",
        "meta.filename": "p.fits",
        "meta.asn.exptype": "science",
        "meta.group_id": "exposure0001",
    }


def test_plain_metadata_leaves_out_what_is_not_simple():
    tree = {
        "data": np.zeros(3),
        "stored": {"source": 0, "datatype": "float32", "shape": [3]},
        "wcs": {"name": "w"},
        "cal_logs": {"a": ["line"]},
        "meta": {"wcs": object(), "empty": {}, "number": np.float32(1.5), "none": None, "text": "t"},
    }
    assert plain_metadata(tree) == {"meta": {"number": 1.5, "text": "t"}}


def test_group_facts_are_read_from_headers(asn_path):
    assert read_group_facts(f"in/{FILES[1]}") == (None, OBSERVATION)
    assert read_group_facts(f"in/{FILES[2]}") == ("stored", OBSERVATION)
    assert read_group_facts(f"in/{FILES[0]}") == (None, {})


def test_metadata_are_read_once_from_a_file(library, monkeypatch):
    """A change of the member needs no file; for one of its file see below."""
    import jwst.datamodels.metadata as module

    paths = []
    read_one = module.read_file_metadata
    monkeypatch.setattr(module, "read_file_metadata", lambda path: paths.append(path) or read_one(path))
    first = library.read_metadata(1, flatten=False)
    first["meta"]["instrument"]["name"] = "changed by the caller"
    assert library.read_metadata(1)["meta.instrument.name"] == "NIRCAM"
    assert len(paths) == 1
    with library:
        model = library.borrow(1)
        model.meta.instrument.name = "MIRI"
        library.shelve(model)
    assert library.read_metadata(1)["meta.instrument.name"] == "MIRI"
    assert len(paths) == 1


def test_metadata_follow_the_file(asn_path):
    library = ModelLibrary(asn_path)
    assert library.read_metadata(0)["meta.instrument.name"] == "NIRCAM"
    other = make_image(FILES[0])
    other.meta.instrument.name = "MIRI"
    other.save(f"in/{FILES[0]}")
    assert library.read_metadata(0)["meta.instrument.name"] == "MIRI"


def test_crds_parameters(library, monkeypatch):
    with monkeypatch.context() as patch:
        no_models(patch)
        assert library.get_crds_parameters() == library.read_metadata(1)
    with library:
        model = library.borrow(1)
        model.meta.instrument.name = "MIRI"
        assert library.get_crds_parameters()["meta.instrument.name"] == "MIRI"
        library.shelve(model)
    assert library.get_crds_parameters()["meta.instrument.name"] == "MIRI"


def test_crds_parameters_without_science(asn_path, caplog):
    library = ModelLibrary(asn_path, asn_exptypes=["background"])
    assert library.get_crds_parameters()["meta.filename"] == FILES[0]
    assert "failed to find any science members" in caplog.text


# In memory and on disk


def test_arrays_and_metadata_are_kept(library, on_disk):
    with library:
        model = library.borrow(0)
        model.data[1, 1] = 77
        model.meta.photometry.pixelarea_steradians = 0.5
        library.shelve(model)
        other = stdm.CubeModel((2, 3, 3))
        library.borrow(1)
        library.shelve(other, 1)
    with library:
        again, cube = library.borrow(0), library.borrow(1)
        assert (again is model) is not on_disk
        assert again.data[1, 1] == 77
        assert again.meta.photometry.pixelarea_steradians == 0.5
        assert (type(cube), cube.shape, cube.meta.filename) == (stdm.CubeModel, (2, 3, 3), None)
        library.shelve(again, modify=False)
        library.shelve(cube, modify=False)


def test_inputs_stay_as_they_are(library):
    before = [Path("in", name).read_bytes() for name in FILES]
    list(library.map_function(lambda model, _: model.data.fill(5)))
    assert [Path("in", name).read_bytes() for name in FILES] == before


# Steps


class AddOneStep(Step):
    """Adds one to every science member."""

    class_alias = "add_one"
    spec = "on_disk = boolean(default=False)  # keep models on disk"

    def process(self, init):
        library = self.prepare_output(init)
        if not isinstance(library, ModelLibrary):
            library = ModelLibrary(library, on_disk=self.on_disk)
        self.add_asn_id_to_output_name(library)
        with library:
            for index in library.indices_for_exptype("science"):
                model = library.borrow(index)
                model.data += 1
                library.shelve(model)
        record_step_status(library, "skymatch")
        return library


class FileStep(AddOneStep):
    """Makes the library of the association file itself."""

    def prepare_output(self, init, **kwargs):
        return super().prepare_output(init, open_models=False, **kwargs)


def test_products_of_a_library(asn_path, on_disk):
    library = FileStep.call(asn_path, on_disk=on_disk, save_results=True, suffix="crf")
    names = [f"x_asn_a1_{index}_crf.fits" for index in range(3)]
    assert sorted(path.name for path in Path().glob("*.fits")) == names
    for index, name in enumerate(names):
        with stdm.open(name) as model:
            assert model.data[0, 1] == (1 if index == 0 else 2)
            assert model.meta.cal_step.skymatch == "COMPLETE"
            assert model.meta.calibration_software_revision
            assert model.meta.filename == library.read_metadata(index)["meta.filename"] == name
            assert any("running with args" in line for line in model.cal_logs.add_one)


def test_own_names_with_an_asn_id(asn_path, on_disk):
    FileStep.call(asn_path, on_disk=on_disk, save_results=True, output_use_model=True, suffix="crf")
    assert sorted(path.name for path in Path().glob("*.fits")) == [f"jw00{index}_a1_crf.fits" for index in (1, 2, 3)]


def test_prepare_output_gives_a_library_back_and_does_not_copy_it(library):
    step = AddOneStep()
    assert step.prepare_output(library) is library
    with pytest.raises(TypeError, match="Copy is not possible"):
        step.prepare_output(library, make_copy=True)


def test_status_of_a_library(library, monkeypatch):
    assert query_step_status(library, "tweakreg") == "NOT SET"
    record_step_status(library, "tweakreg", success=False)
    assert asked(library, lambda model: model.meta.cal_step.tweakreg) == ["FAILED"] * 3
    no_models(monkeypatch)
    assert query_step_status(library, "tweakreg") == "FAILED"


def test_references_are_chosen_by_the_library(library):
    parameters, observatory = Step._get_crds_parameters(library)
    assert (parameters["meta.filename"], observatory) == (FILES[1], "jwst")


def test_log_names_the_library_and_not_its_content(asn_path, caplog):
    caplog.set_level(logging.INFO, "stpipe")
    AddOneStep().run(ModelLibrary(asn_path))
    assert "<ModelLibrary of 3 models from x_asn.json>" in caplog.text


def test_import_is_light():
    heavy = "('numpy', 'asdf', 'astropy', 'crds', 'stdatamodels')"
    code = f"import sys; from jwst.datamodels import ModelLibrary; print([n for n in {heavy} if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
