"""Classes and functions by name."""

from __future__ import annotations

import collections
import json
from pathlib import Path

import pytest

from stpipe import utilities
from tests.stpipe.cli_steps import Scale


def test_import_class():
    assert utilities.import_class("collections.OrderedDict") is collections.OrderedDict
    assert utilities.import_class("json.decoder.JSONDecoder", subclassof=json.JSONDecoder) is json.JSONDecoder


@pytest.mark.parametrize(
    ("name", "error", "match"),
    [
        ("NoDot", ImportError, "not a fully qualified path to a class"),
        ("no_such_module.Class", ImportError, "no_such_module"),
        ("json.NoSuchClass", AttributeError, "NoSuchClass"),
        ("json.loads", TypeError, "is not a class"),
        ("collections.OrderedDict", TypeError, "is not a subclass of JSONDecoder"),
    ],
)
def test_import_class_errors(name, error, match):
    with pytest.raises(error, match=match):
        utilities.import_class(name, subclassof=json.JSONDecoder)


def test_import_class_beside_a_parameter_file(tmp_path):
    (tmp_path / "stpipe_test_beside.py").write_text("class Near: pass\n")
    cls = utilities.import_class("stpipe_test_beside.Near", config_file=str(tmp_path / "near.asdf"))
    assert cls.__name__ == "Near"
    with pytest.raises(ImportError):
        utilities.import_class("stpipe_test_elsewhere.Near")


def test_import_func():
    assert utilities.import_func("json.loads") is json.loads
    with pytest.raises(ImportError, match="package.module.function"):
        utilities.import_func("loads")
    with pytest.raises(TypeError, match="is not a function"):
        utilities.import_func("json.JSONDecoder")


def test_spec_file_is_beside_the_source(tmp_path, monkeypatch):
    path = Path(utilities.get_spec_file_path(Scale))
    assert path == Path(__file__).with_name("Scale.spec")
    assert utilities.find_spec_file(Scale) is None
    assert utilities.find_spec_file(int) is None
    monkeypatch.setattr(utilities.inspect, "getfile", lambda cls: str(tmp_path / "x.py"))
    (tmp_path / "Scale.spec").touch()
    assert utilities.find_spec_file(Scale) == str(tmp_path / "Scale.spec")


def test_qualified_names():
    assert utilities.get_fully_qualified_class_name(Path()) == f"{type(Path()).__module__}.{type(Path()).__name__}"
    assert utilities.get_fully_qualified_class_name(json.JSONDecoder) == "json.decoder.JSONDecoder"
    assert utilities.get_fully_qualified_class_name(3) == "int"
