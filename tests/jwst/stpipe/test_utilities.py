"""Status of steps, and small helpers."""

from __future__ import annotations

import pytest
from stdatamodels.jwst import datamodels

from jwst.stpipe import query_step_status, record_step_status, utilities


@pytest.fixture
def image():
    return datamodels.ImageModel((4, 4))


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, "COMPLETE"), ({"success": False}, "FAILED"), ({"status": "SKIPPED"}, "SKIPPED")],
)
@pytest.mark.parametrize("key", ["jump", "no_key_of_the_schema"])
def test_record(image, options, expected, key):
    record_step_status(image, key, **options)
    assert query_step_status(image, key) == getattr(image.meta.cal_step, key) == expected


def test_record_refuses_other_words(image):
    with pytest.raises(ValueError, match="Step status DONE not in allowed values"):
        record_step_status(image, "jump", status="DONE")
    assert image.meta.cal_step.jump is None


def test_sequence(image):
    other = datamodels.ImageModel((4, 4))
    record_step_status([image, other], "jump")
    assert image.meta.cal_step.jump == other.meta.cal_step.jump == "COMPLETE"
    other.meta.cal_step.jump = "FAILED"
    assert query_step_status([other, image], "jump") == "FAILED"


@pytest.mark.parametrize("key", ["jump", "unknown"])
def test_not_set(image, key):
    assert query_step_status(image, key) == utilities.NOT_SET == "NOT SET"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["SKIPPED", "COMPLETE", "FAILED"], "COMPLETE"),
        (["SKIPPED", "FAILED"], "FAILED"),
        (["SKIPPED"], "SKIPPED"),
        ([None], "SKIPPED"),
        ([], "SKIPPED"),
    ],
)
def test_summary(statuses, expected):
    assert utilities.summary_step_status(statuses) == expected


def test_invariant_filename(image):
    image.meta.filename = "before.fits"

    @utilities.invariant_filename
    def save(model, path):
        model.meta.filename = path
        return path

    assert save(image, "after.fits") == "after.fits"
    assert image.meta.filename == "before.fits"


def test_folder_traverse(tmp_path):
    for name in ("x.py", "a/y.py", "a/b/z.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def found(**options):
        return [path.removeprefix(f"{tmp_path}/") for path in utilities.folder_traverse(str(tmp_path), **options)]

    assert found() == ["x.py", "a/y.py", "a/b/z.txt"]
    assert found(basename_regex=r".+\.py$") == ["x.py", "a/y.py"]
    assert found(path_exclude_regex="/a$") == ["x.py", "a/b/z.txt"]


def test_load_local_pkg():
    from importlib.util import find_spec
    from pathlib import Path

    folder = Path(find_spec("jwst.superbias").origin).parent
    names = [module.__name__ for module in utilities.load_local_pkg(str(folder))]
    assert "jwst.superbias.superbias_step" in names
