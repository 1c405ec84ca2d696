"""Statements of the specification: one exposure, its data, header and file (spec running.md I4, I5)."""

from __future__ import annotations

import json
import os
import pickle
import sys

import pytest

from stpipe import Inventory
from stpipe.exceptions import InputError


def only(*given, **groups):
    """The exposure of an inventory of one."""
    (exposure,) = Inventory(*given, **groups)
    return exposure


def test_i4_data_by_attribute_item_and_get(workdir):
    data = only((["a.fits"], {"key": 1, "items": 2})).data
    assert (data.key, data["key"], data.get("key"), data.get("none", 5)) == (1, 1, 1, 5)
    assert data["items"] == 2
    with pytest.raises(KeyError):
        data["none"]
    with pytest.raises(AttributeError, match="no data 'none'; there is key, items"):
        _ = data.none
    with pytest.raises(AttributeError, match="read-only"):
        data.key = 2
    assert pickle.loads(pickle.dumps(data)) == data


def test_i5_path_groups_and_text(workdir):
    exposure = only(["raw/a.fits"], g=["raw/a.fits"], h=["a.fits"])
    assert str(exposure) == exposure.name == "a.fits"
    assert exposure.source == exposure.current == "raw/a.fits"
    assert exposure.path == str(workdir / "raw/a.fits")
    assert exposure.groups == ("g", "h")
    assert repr(exposure) == f"<Exposure a.fits: {workdir}/raw/a.fits>"


def test_i5_header_without_arrays(make_exposure):
    header = only([make_exposure()]).header
    assert header["meta.exposure.type"] == "NRC_IMAGE"
    assert header["meta.exposure.ngroups"] == 3
    assert header["meta.exposure.effective_exposure_time"] == 31.5
    assert header.section("meta.cal_step") == {"dq_init": "COMPLETE", "ipc": "SKIPPED"}
    assert header.shape == (1, 3, 4, 5)
    assert header.keywords["EXP_TYPE"] == "NRC_IMAGE"
    assert all(isinstance(value, str | int | float | bool) for value in header.values())
    assert repr(header) == f"<Header: {len(header)} values, shape (1, 3, 4, 5)>"


def test_i5_header_is_read_once_until_the_file_changes(make_exposure):
    exposure = only([make_exposure(FILTER="F090W")])
    first = exposure.header
    assert exposure.header is first
    make_exposure(FILTER="F444W", TARGNAME="longer" * 10)
    os.utime(exposure.path, ns=(1, 1))
    assert exposure.header["meta.instrument.filter"] == "F444W"


def test_i5_header_survives_a_change_of_folder(make_exposure, tmp_path, monkeypatch):
    exposure = only([make_exposure("raw/a.fits")])
    monkeypatch.chdir("/")
    assert exposure.header["meta.instrument.name"] == "NIRCAM"


def test_i5_header_of_an_open_model_is_live(workdir, fakes):
    from stdatamodels.jwst import datamodels

    model = datamodels.RampModel((1, 2, 3, 4))
    model.meta.filename = "m.fits"
    exposure = only([model])
    assert exposure.header.shape == (1, 2, 3, 4)
    assert "meta.instrument.filter" not in exposure.header
    model.meta.instrument.filter = "F200W"
    assert exposure.header["meta.instrument.filter"] == "F200W"
    assert exposure.open() is model
    assert dict(only([fakes.FakeModel("f.fits")]).header) == {"META.INSTRUMENT.NAME": "FAKE"}


def test_i5_open_gives_a_model(make_exposure):
    with only([make_exposure()]).open() as model:
        assert type(model).__name__ == "RampModel"
        assert model.meta.instrument.filter == "F090W"
        assert model.data.shape == (1, 3, 4, 5)


def test_i5_association_as_an_exposure(make_exposure, workdir):
    make_exposure("a_cal.fits")
    members = [{"expname": "a_cal.fits", "exptype": "science"}]
    (workdir / "x_asn.json").write_text(json.dumps({"products": [{"name": "x", "members": members}]}))
    assert only(["x_asn.json"]).header["meta.instrument.filter"] == "F090W"


@pytest.mark.parametrize("name", ["a.txt", "a", "fits"])
def test_i5_other_kinds_of_files(workdir, name):
    (workdir / name).write_text("no")
    with pytest.raises(InputError, match=r"neither a FITS \(\.fits, \.fits\.gz\) nor an ASDF file"):
        _ = only([name]).header


def test_i5_missing_file(workdir):
    with pytest.raises(FileNotFoundError, match="none.fits"):
        _ = only(["none.fits"]).header


def test_i5_no_model_has_no_header(workdir):
    class Odd:
        meta = None

    with pytest.raises(InputError, match="Odd is no data model"):
        _ = only([Odd()]).header


def test_no_package_to_open_with(make_exposure, monkeypatch):
    from stpipe import entry_points
    from stpipe.exposure import default_door

    default_door.cache_clear()
    monkeypatch.setattr(entry_points, "get_steps", list)
    with pytest.raises(InputError, match=r"inventory\.opened_by"):
        _ = only([make_exposure()]).header


def test_equality_over_inventories(workdir):
    one, same, other = only(["a.fits"]), only([workdir / "a.fits"]), only(["b/a.fits"])
    assert one == same
    assert hash(one) == hash(same) == hash(other)
    assert one != other
    assert one != "a.fits"
    assert {one: 1}[same] == 1


def test_equality_of_models(workdir, fakes):
    model = fakes.FakeModel("a.fits")
    assert only([model]) == only([model])
    assert only([model]) != only([fakes.FakeModel("a.fits")])
    assert only([model]) != only(["a.fits"])


def test_pickled_without_an_open_model(make_exposure, fakes):
    exposure = only((make_exposure(), {"k": 1}), g=["a_uncal.fits"])
    header = exposure.header
    exposure.current = fakes.FakeModel("later.fits")
    copy = pickle.loads(pickle.dumps(exposure))
    assert (copy, copy.groups, copy.data, copy.header) == (exposure, ("g",), exposure.data, header)
    assert copy.current == copy.source
    exposure.current = "later.fits"
    assert pickle.loads(pickle.dumps(exposure)).current == "later.fits"
    with pytest.raises(pickle.PicklingError, match="open FakeModel, which is not sent to another process; save it"):
        pickle.dumps(only([fakes.FakeModel("m.fits")]))


def test_json_text(workdir, fakes):
    exposure = only((["a.fits"], {"k": 1, "model": fakes.FakeModel()}), g=["a.fits"])
    expected = {"name": "a.fits", "path": str(workdir / "a.fits"), "groups": ["g"], "error": None}
    assert json.loads(exposure.to_json()) == {**expected, "data": {"k": 1, "model": "<FakeModel>"}}


def test_names_of_exposures_in_events(workdir):
    from stpipe.events import EventStream

    stream, told = EventStream(), []
    stream.subscribe(told.append)
    stream.emit("target_open", target=str(only(["a.fits"])))
    assert told[0].target == "a.fits"


def test_neither_astropy_nor_models_are_imported_for_headers(make_exposure):
    import subprocess

    code = (
        "import sys; from stpipe import Inventory; (one,) = Inventory('a_uncal.fits'); "
        "assert one.header['meta.instrument.name'] == 'NIRCAM'; "
        "heavy = {'astropy', 'asdf', 'stdatamodels', 'crds', 'scipy'} & set(sys.modules); assert not heavy, heavy"
    )
    make_exposure()
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_hundred_headers_in_half_a_second(make_exposure):
    import time

    for index in range(100):
        make_exposure(f"e{index:03d}_uncal.fits", **{f"KEY{number}": number for number in range(200)})
    inventory = Inventory("e*_uncal.fits")
    times = []
    for _ in range(3):
        start = time.perf_counter()
        fresh = inventory.subset(inventory)
        for one in fresh:
            one._header = None
            _ = one.header
        times.append(time.perf_counter() - start)
    assert min(times) < 0.5
