"""Statements of spec jwst_base.md §8 and §9 that the other tests of containers and libraries leave open."""

from __future__ import annotations

import json
from collections.abc import MutableSequence, Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.exceptions import NoTypeWarning
from stdatamodels.jwst import datamodels as stdm

from jwst import datamodels
from jwst.datamodels import ModelContainer, ModelLibrary
from jwst.stpipe import Step

FILES = ["jw001_a3001_cal.fits", "jw002_cal.fits", "jw003_cal.fits"]


def make_image(filename):
    image = stdm.ImageModel((4, 4))
    image.meta.filename = filename
    return image


@pytest.fixture
def images():
    return [make_image(name) for name in FILES]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def association(images, here):
    """An association of two products, the file of the second being absent."""
    (here / "in").mkdir()
    for image, name in zip(images, FILES):
        image.save(f"in/{name}")
    members = [{"expname": name, "exptype": kind} for name, kind in zip(FILES, ("background", "Science", "SCIENCE"))]
    other = {"name": "second", "members": [{"expname": "absent.fits", "exptype": "science"}]}
    table = {"asn_id": "a1", "asn_pool": "pool.csv", "products": [{"name": "first", "members": members}, other]}
    (here / "in" / "x_asn.json").write_text(json.dumps(table))
    return table


class TestConstructor:
    """What a container is made of."""

    def test_it_is_a_sequence_and_no_list(self):
        container = ModelContainer()
        assert isinstance(container, Sequence)
        assert isinstance(container, MutableSequence)
        assert not isinstance(container, list)

    @pytest.mark.parametrize("path", ["~/x_asn.json", "$MYASN/x_asn.json", Path("in/x_asn.json")])
    def test_paths_are_expanded(self, association, here, monkeypatch, path):
        monkeypatch.setenv("HOME", str(here / "in"))
        monkeypatch.setenv("MYASN", str(here / "in"))
        container = ModelContainer(path)
        assert [model.meta.filename for model in container] == FILES
        assert container.asn_file_path.endswith("in/x_asn.json")

    def test_only_the_first_product_is_used(self, association):
        container = ModelContainer("in/x_asn.json")
        assert len(container) == 3
        assert len(container.asn_table["products"]) == 2

    def test_the_choice_is_kept(self, association):
        container = ModelContainer("in/x_asn.json", asn_exptypes=["SCIENCE"], asn_n_members=1)
        assert [model.meta.filename for model in container] == FILES[1:2]
        assert (container.asn_exptypes, container.asn_n_members) == (["SCIENCE"], 1)

    def test_an_association_is_copied(self, association, monkeypatch):
        monkeypatch.chdir("in")
        container = ModelContainer(association)
        container.asn_table["products"][0]["name"] = "changed"
        assert association["products"][0]["name"] == "first"

    def test_options_are_passed_on_to_the_opening(self, here):
        plain = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 3), np.float32), name="SCI")])
        plain.writeto("plain.fits")
        with pytest.raises(TypeError, match="guessing has been disabled"):
            ModelContainer(["plain.fits"], guess=False)

    def test_a_list_without_names(self):
        container = ModelContainer([make_image(None)])
        assert container.asn_table_name is None
        assert container.asn_table["products"][0]["name"] == ""


class TestOpenFits:
    """Lists of FITS extensions, which the release takes and then fails on."""

    @pytest.mark.parametrize("name", ["ImageModel", "SlitModel"])
    def test_the_class_that_the_header_names(self, name):
        model = getattr(stdm, name)((3, 3))
        model.meta.instrument.name = "NIRCAM"
        model.save("a.fits")
        with fits.open("a.fits", memmap=False) as hdulist:
            (opened,) = ModelContainer([hdulist])
            assert type(opened).__name__ == name
            assert opened.meta.instrument.name == "NIRCAM"
            assert opened.data.shape == (3, 3)

    @pytest.mark.parametrize(
        ("shapes", "keywords", "dq"),
        [
            ([], {}, False),
            ([(3, 3)], {}, False),
            ([(3, 3), (3, 3)], {}, False),
            ([(2, 3, 3)], {}, False),
            ([(1, 2, 3, 3)], {}, False),
            ([(1, 2, 3, 3)], {}, True),
            ([], {"REFTYPE": "DARK"}, False),
            ([(3, 3)], {"REFTYPE": "DARK"}, False),
            ([(2, 3, 3)], {"REFTYPE": "DARK"}, False),
            ([(1, 2, 3, 3)], {"REFTYPE": "DARK"}, False),
            ([(1, 2, 3, 3)], {"REFTYPE": "DARK"}, True),
        ],
    )
    def test_the_guess_is_that_of_open(self, shapes, keywords, dq):
        arrays = [np.zeros(shape, np.float32) for shape in shapes]
        hdus = [fits.ImageHDU(array, name="SCI", ver=number) for number, array in enumerate(arrays, start=1)]
        hdus += [fits.ImageHDU(np.zeros((3, 3), np.int32), name="DQ")] if dq else []
        hdulist = fits.HDUList([fits.PrimaryHDU(header=fits.Header(keywords)), *hdus])
        hdulist.writeto("a.fits")
        with pytest.warns(NoTypeWarning), datamodels.open("a.fits") as expected:
            assert type(ModelContainer([hdulist])[0]) is type(expected)
        with pytest.raises(TypeError, match="guessing has been disabled"):
            ModelContainer([hdulist], guess=False)

    def test_too_many_axes(self):
        hdu = fits.ImageHDU(np.zeros((1, 1, 1, 2, 2), np.float32), name="SCI")
        with pytest.raises(TypeError, match="SCI has 5 axes"):
            ModelContainer([fits.HDUList([fits.PrimaryHDU(), hdu])])


class TestMembers:
    """What a container can do."""

    def test_pop_takes_the_last_by_default(self, images):
        container = ModelContainer(images)
        assert container.pop() is images[2]
        assert container.pop(0) is images[0]
        assert list(container) == [images[1]]

    def test_closing(self, images, monkeypatch):
        closed = []
        monkeypatch.setattr(stdm.ImageModel, "close", lambda self: closed.append(self.meta.filename))
        ModelContainer(images).close()
        assert closed == FILES
        with ModelContainer(images[:1]) as container:
            assert container[0] is images[0]
            assert closed == FILES
        assert closed == [*FILES, FILES[0]]

    def test_groups_are_written_back(self, images):
        container = ModelContainer(images)
        assert container.group_names == ["exposure0001", "exposure0002", "exposure0003"]
        assert [image.meta.group_id for image in images] == container.group_names
        assert isinstance(container.group_names, list)
        del container[0]
        assert container.group_names == ["exposure0002", "exposure0003"]

    def test_exposure_types_are_asked_for_in_lower_case(self, images):
        images[1].meta.asn.exptype = "BACKGROUND"
        container = ModelContainer(images)
        assert container.ind_asn_type("background") == [1]
        assert container.ind_asn_type("BACKGROUND") == []

    def test_the_framework_uses_the_first_model(self, images):
        images[0].meta.instrument.name, images[1].meta.instrument.name = "MIRI", "NIRCAM"
        assert Step._get_crds_parameters(ModelContainer(images))[0]["meta.instrument.name"] == "MIRI"

    def test_options_of_saving_are_passed_on(self, images, here):
        (here / "out").mkdir()
        ModelContainer(images[:2]).save(dir_path="out", overwrite=True)
        assert sorted(path.name for path in (here / "out").iterdir()) == FILES[:2]


class TestLibrary:
    """`ModelLibrary`, where the association and the files are all it needs."""

    def test_it_is_made_without_opening_a_model(self, association, monkeypatch):
        monkeypatch.setattr(ModelLibrary, "_datamodels_open", lambda *args, **kwargs: pytest.fail("opened"))
        library = ModelLibrary("in/x_asn.json")
        assert library.group_names == {"exposure0001", "exposure0002", "exposure0003"}
        assert library.indices_for_exptype("SCIENCE") == library.indices_for_exptype("science") == [1, 2]
        assert library.get_crds_parameters()["meta.filename"] == FILES[1]
        assert isinstance(library.asn_dir, str)

    def test_the_temporary_file_of_a_changed_member_is_read(self, association):
        library = ModelLibrary("in/x_asn.json", on_disk=True)
        with library:
            model = library.borrow(0)
            model.meta.instrument.name = "MIRI"
            library.shelve(model)
        Path("in", FILES[0]).unlink()
        assert library.read_metadata(0)["meta.instrument.name"] == "MIRI"

    def test_a_list_of_names_and_models(self, association, images):
        library = ModelLibrary([images[0], f"in/{FILES[1]}"])
        members = library.asn["products"][0]["members"]
        assert [dict(member) for member in members] == [
            {"expname": FILES[0], "exptype": "SCIENCE", "group_id": "exposure0001"},
            {"expname": FILES[1], "exptype": "SCIENCE", "group_id": "exposure0002"},
        ]
