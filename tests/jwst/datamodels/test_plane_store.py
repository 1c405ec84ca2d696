"""Exposures of a library on disk: metadata in memory, arrays in files, read and written where it is needed."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import weakref
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.jwst import datamodels as stdm

from jwst.datamodels import ModelLibrary
from jwst.datamodels.fast_fits import open_any, open_lazily
from jwst.datamodels.stored_planes import LazyTree, StoredPlane
from stpipe.exceptions import InputError, OutputError

PLANES = ("data", "dq", "err", "var_rnoise")
SHAPE = (160, 160)


def make_image(name, *, value=1.0):
    image = stdm.ImageModel(SHAPE)
    image.data = np.full(SHAPE, value, np.float32)
    image.err = np.full(SHAPE, 0.5, np.float32)
    image.var_rnoise = np.arange(image.data.size, dtype=np.float32).reshape(SHAPE)
    image.dq = (np.arange(image.data.size, dtype=np.uint32) + np.uint32(1 << 31)).reshape(SHAPE)
    image.meta.filename = name
    image.meta.instrument.name = "NIRCAM"
    image.save(name)
    return image


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Two exposures on disk."""
    monkeypatch.chdir(tmp_path)
    names = ["a_cal.fits", "b_cal.fits"]
    for number, name in enumerate(names):
        make_image(name, value=number)
    members = [{"expname": name, "exptype": "science"} for name in names]
    return ModelLibrary({"products": [{"members": members}]}, on_disk=True)


@pytest.fixture
def reads(monkeypatch):
    """Shape of each array that is read from a file."""
    read, shapes = StoredPlane.read, []
    monkeypatch.setattr(StoredPlane, "read", lambda plane: shapes.append(plane.shape) or read(plane))
    return shapes


def change(library, function, index=0):
    with library:
        model = library.borrow(index)
        function(model)
        library.shelve(model)


def values(library, function, index=0):
    with library:
        model = library.borrow(index)
        try:
            return function(model)
        finally:
            library.shelve(model, modify=False)


def kept_files():
    return sorted(path.suffix for path in Path().glob("stpipe-library-*/0/*"))


def set_status(model):
    model.meta.cal_step.tweakreg = "COMPLETE"


def test_a_lazy_model_is_the_same_model(library):
    eager, lazy = open_any("a_cal.fits"), open_lazily("a_cal.fits")
    assert isinstance(lazy._instance, LazyTree)
    for name in PLANES:
        one, other = getattr(eager, name), getattr(lazy, name)
        assert type(other) is np.ndarray
        assert other.flags.writeable
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert eager.get_crds_parameters() == lazy.get_crds_parameters()


def test_only_what_is_asked_for_is_read(library, reads):
    assert values(library, lambda model: model.meta.filename) == "a_cal.fits"
    assert reads == []
    assert values(library, lambda model: model.data[0, 0] + model.data[1, 1]) == 0
    assert reads == [SHAPE]


def test_a_change_of_metadata_writes_no_array(library, reads):
    change(library, set_status)
    assert kept_files() == [".fits"]
    assert reads == []
    assert os.stat("a_cal.fits").st_nlink == 2
    assert values(library, lambda model: model.meta.cal_step.tweakreg) == "COMPLETE"
    assert library.read_metadata(0)["meta.cal_step.tweakreg"] == "COMPLETE"


def test_only_arrays_that_were_asked_for_are_written(library):
    change(library, lambda model: model.data.fill(7))
    assert kept_files() == [".fits", ".raw"]
    change(library, set_status)
    assert kept_files() == [".fits", ".raw"]
    original = open_any("a_cal.fits")
    for name in PLANES:
        expected = np.full(SHAPE, 7) if name == "data" else getattr(original, name)
        np.testing.assert_array_equal(values(library, lambda model, name=name: getattr(model, name)), expected)
    change(library, lambda model: [getattr(model, name) for name in PLANES])
    assert kept_files() == [".raw"] * 4


def test_changes_without_modify_are_lost(library):
    def spoil(model):
        model.data.fill(9)
        model.meta.cal_step.tweakreg = "FAILED"

    for _ in range(2):
        values(library, spoil)
    assert values(library, lambda model: (model.data[0, 0], model.meta.cal_step.tweakreg)) == (0, None)
    assert not list(Path().glob("stpipe-library-*"))


def test_a_changed_member_outlives_its_file(library):
    change(library, set_status)
    make_image("new.fits", value=5)
    os.replace("new.fits", "a_cal.fits")
    assert values(library, lambda model: model.data[3, 3]) == 0


def test_an_unchanged_member_follows_its_file(library):
    assert values(library, lambda model: model.data[3, 3]) == 0
    make_image("new.fits", value=5)
    os.replace("new.fits", "a_cal.fits")
    assert values(library, lambda model: model.data[3, 3]) == 5


def test_a_file_that_changes_while_it_is_in_use(library):
    with library:
        model = library.borrow(0)
        make_image("new.fits", value=5)
        os.replace("new.fits", "a_cal.fits")
        with pytest.raises(InputError, match=r"a_cal\.fits has been changed or removed"):
            model.data.sum()
        library.shelve(model, modify=False)


def test_where_files_cannot_have_a_second_name_arrays_are_copied(library, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", fail)
    change(library, set_status)
    assert kept_files() == [".raw"] * 4
    assert values(library, lambda model: model.dq[0, 1]) == (1 << 31) + 1


def test_a_full_disk_leaves_the_member_as_it_was(library, monkeypatch):
    change(library, lambda model: model.data.fill(3))
    before = kept_files()

    def fail(array):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(np, "ascontiguousarray", fail)
        with library:
            model = library.borrow(0)
            model.data.fill(4)
            with pytest.raises(OutputError, match="no space left"):
                library.shelve(model)
            library.shelve(model, modify=False)
    assert kept_files() == before
    assert values(library, lambda model: model.data[0, 0]) == 3


def test_arrays_deeper_in_the_tree_and_other_classes(library):
    large = np.arange(20000.0).reshape(100, 200)
    cube = stdm.CubeModel(np.ones((3, 80, 90), np.float32))
    cube.meta.extra = {"deep": [large, "text"]}
    with library:
        library.borrow(0)
        library.shelve(cube, 0)
        again = library.borrow(0)
        assert type(again) is stdm.CubeModel
        np.testing.assert_array_equal(again._instance["meta"]["extra"]["deep"][0], large)
        np.testing.assert_array_equal(again.data, cube.data)
        library.shelve(again, modify=False)


def test_what_cannot_be_pickled_is_kept_as_a_whole_file(library, monkeypatch):
    change(library, lambda model: model.err.fill(2))
    with monkeypatch.context() as patch:
        patch.setattr("jwst.datamodels.plane_store._pickled", lambda tree, write: None)
        change(library, lambda model: model.data.fill(6))
        assert [path.name for path in Path().glob("stpipe-library-*/0/*")] == ["a_cal.fits"]
        assert values(library, lambda model: model.data[0, 0]) == 6
    change(library, set_status)
    assert values(library, lambda model: (model.data[0, 0], model.err[0, 0])) == (6, 2)
    assert values(library, lambda model: model.meta.cal_step.tweakreg) == "COMPLETE"
    assert library.read_metadata(0)["meta.cal_step.tweakreg"] == "COMPLETE"


def test_a_saved_member_is_the_whole_model(library):
    change(library, lambda model: model.err.fill(2))
    values(library, lambda model: model.save("out.fits"))
    saved = open_any("out.fits")
    assert saved.err[1, 1] == 2
    np.testing.assert_array_equal(saved.dq, open_any("a_cal.fits").dq)


@pytest.mark.parametrize("opener", [open_any, open_lazily])
def test_arrays_go_away_with_the_model(library, opener):
    """At once, without a garbage collection."""
    gc.disable()
    try:
        model = opener("a_cal.fits")
        array = weakref.ref(model.data)
        del model
        assert array() is None
    finally:
        gc.enable()


def test_copies_of_a_lazy_tree(library, reads):
    tree = open_lazily("a_cal.fits")._instance
    assert isinstance(tree.unread()["data"], StoredPlane)
    assert isinstance(tree.copy().unread()["data"], StoredPlane)
    assert reads == []
    for copied in (dict(tree), {**tree}, copy.deepcopy(tree), pickle.loads(pickle.dumps(tree)), dict(tree.items())):
        assert type(dict.__getitem__(copied, "data")) is np.ndarray
    assert len(reads) == len(PLANES)
    fresh = open_lazily("a_cal.fits")._instance
    assert fresh.get("nothing", 3) == 3
    assert fresh.setdefault("data", None).shape == fresh.pop("err").shape == SHAPE
    assert all(not isinstance(value, StoredPlane) for value in fresh.values())


def test_a_file_whose_header_was_edited(library):
    """Keywords and unknown extensions count, as when it is opened the usual way."""
    with fits.open("b_cal.fits") as hdulist:
        hdulist[0].header["PI_NAME"] = "EDITED"
        hdulist.append(fits.ImageHDU(np.ones(SHAPE, np.float32), name="MINE"))
        hdulist.writeto("edited_cal.fits")
    usual, lazy = stdm.open("edited_cal.fits"), open_lazily("edited_cal.fits")
    assert usual.meta.program.pi_name == lazy.meta.program.pi_name == "EDITED"
    for find in (lambda model: model.data, lambda model: model.dq, lambda model: model.extra_fits.MINE.data):
        assert find(lazy).any()
        np.testing.assert_array_equal(find(usual), find(lazy))
    usual.close()
