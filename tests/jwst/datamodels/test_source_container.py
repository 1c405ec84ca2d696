"""`SourceModelContainer`: spec jwst_base.md §8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stdatamodels.jwst import datamodels as stdm

from jwst import datamodels
from jwst.datamodels import ModelContainer, SourceModelContainer
from jwst.stpipe import Step


def make_source(filename="source_cal.fits", value=0.0):
    """Two exposures of one source."""
    model = stdm.MultiExposureModel()
    model.meta.filename = filename
    for index in range(2):
        model.exposures.append(model.exposures.item())
        exposure = model.exposures[index]
        exposure.data = np.full((3, 4), value + index, dtype=np.float32)
        exposure.name = f"s{index}"
        exposure.source_id = 5
        exposure.meta = {"filename": f"jw00{index}_cal.fits", "bunit_data": "MJy"}
    return model


@pytest.fixture
def source():
    return make_source()


@pytest.fixture
def container(source):
    return SourceModelContainer(source)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    return tmp_path


def test_public_names(container):
    assert datamodels.SourceModelContainer is SourceModelContainer
    assert isinstance(container, ModelContainer)
    assert container.crds_observatory == "jwst"
    with pytest.raises(NotImplementedError):
        container.get_crds_parameters()


def test_one_slit_per_exposure_shares_its_data(container, source):
    assert [type(slit) for slit in container] == [stdm.SlitModel, stdm.SlitModel]
    assert [slit.name for slit in container] == ["s0", "s1"]
    assert container[0].data is source.exposures[0].data
    assert container[1].meta.filename == "jw001_cal.fits"
    assert container[1].source_id == 5


def test_metadata_of_the_exposures_stay_what_they_were(container, source):
    assert source.exposures[0].meta.instance == {"filename": "jw000_cal.fits", "bunit_data": "MJy"}
    assert container[0].meta.model_type is None


def test_changes_are_written_back(container, source):
    container[0].data[1, 1] = 9
    container[0].meta.bunit_data = "DN"
    container[1].data = np.ones((2, 2), np.float32)
    container[1].name = "new"
    result = container.multiexposure
    assert result is source
    assert result.exposures[0].data[1, 1] == 9
    assert result.exposures[0].meta.bunit_data == "DN"
    assert result.exposures[1].data.shape == (2, 2)
    assert result.exposures[1].name == "new"


def test_slits_can_be_added_and_taken_away(container):
    slit = stdm.SlitModel((2, 2))
    slit.name = "added"
    container.append(slit)
    del container[0]
    assert [exposure.name for exposure in container.multiexposure.exposures] == ["s1", "added"]


def test_container_of_a_container(container, source):
    other = SourceModelContainer(container)
    assert other.multiexposure is source
    assert other[0].data is container[0].data
    assert other.asn_table is container.asn_table


def test_copy_is_deep(container, source):
    copy = container.copy()
    copy[0].data[:] = 7
    copy[0].name = "copied"
    assert type(copy) is SourceModelContainer
    assert copy.multiexposure is not source
    assert (copy.multiexposure.exposures[0].data == 7).all()
    assert (container[0].data == 0).all()
    assert source.exposures[0].name == "s0"


@pytest.mark.parametrize("init", [None, [], "x.fits", ModelContainer()])
def test_other_inits(init):
    with pytest.raises(TypeError, match="cannot initialize a SourceModelContainer"):
        SourceModelContainer(init)


@pytest.mark.parametrize(("path", "expected"), [("out.fits", "out.fits"), (None, "source_cal.fits")])
def test_save(container, here, path, expected):
    container[0].data[:] = 3
    assert [Path(written).name for written in container.save(path)] == [expected]
    with stdm.open(expected) as saved:
        assert isinstance(saved, stdm.MultiExposureModel)
        assert (saved.exposures[0].data == 3).all()
        assert [exposure.name for exposure in saved.exposures] == ["s0", "s1"]


def test_save_by_a_function(container, source):
    calls = []

    def save(*args, **kwargs):
        calls.append((args, kwargs))
        return "path"

    assert container.save("out", save_model_func=save) == ["path"]
    assert calls == [((source,), {"output_file": "out"})]


class SourceStep(Step):
    """Gives back what it gets."""

    class_alias = "source"

    def process(self, init):
        return init


def test_a_step_saves_one_file_for_a_source(container, here):
    SourceStep.call(container, save_results=True, output_file="out", suffix="cal")
    assert [path.name for path in here.iterdir()] == ["out_cal.fits"]
    with stdm.open("out_cal.fits") as saved:
        assert isinstance(saved, stdm.MultiExposureModel)


def test_a_step_numbers_several_sources(here):
    sources = [SourceModelContainer(make_source(value=value)) for value in (0.0, 10.0)]
    step = SourceStep(save_results=True, output_file="out", suffix="cal")
    step.run(sources)
    assert sorted(path.name for path in here.iterdir()) == ["out_0_cal.fits", "out_1_cal.fits"]
    with stdm.open("out_1_cal.fits") as saved:
        assert saved.exposures[0].data[0, 0] == 10
