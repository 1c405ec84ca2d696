"""Round trips of every installed step and pipeline (spec framework.md §2.1, §3.3, §7, law T4)."""

from __future__ import annotations

import asdf
import pytest
from configobj import ConfigObj

from stpipe import Step
from stpipe.entry_points import get_steps
from stpipe.parameters import declared_parameters
from stpipe.spec import parse_spec, spec_text
from stpipe.utilities import get_fully_qualified_class_name, import_class

PATHS = sorted(info.class_name for info in get_steps())


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    """Run in an empty folder, without parameters from a reference service."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")


@pytest.fixture(params=PATHS, ids=lambda path: path.rpartition(".")[2])
def cls(request):
    """Each class in turn."""
    return import_class(request.param, Step)


def changed(cls):
    """Instance with several values that are not defaults, in sub-steps too."""
    values = {"suffix": "mine", "output_dir": "some/folder", "skip": True, "pre_hooks": ["echo {0}", "a.b"]}
    steps = {key: {"suffix": f"sub {key}", "save_results": True} for key in getattr(cls, "step_defs", {})}
    return cls(**values, **({"steps": steps} if steps else {}))


def written(values):
    """Values as an INI file has them: those that are not set left out."""
    given = {name: value for name, value in values.items() if name != "steps" and value is not None}
    steps = {key: written(section) for key, section in values.get("steps", {}).items()}
    return {**given, **({"steps": steps} if steps else {})}


def test_compiling_the_spec_text_gives_equal_parameters(cls):
    declared = declared_parameters(cls)
    assert parse_spec(spec_text(declared), where="here") == declared


def test_the_spec_object_compiles_to_equal_parameters(cls):
    spec = cls.load_spec_file()
    spec.pop("steps", None)
    assert parse_spec("\n".join(spec.write()), where="here") == declared_parameters(cls)
    assert list(spec) == list(declared_parameters(cls))


@pytest.mark.parametrize("make", [lambda cls: cls(), changed], ids=["default", "changed"])
def test_exported_parameters_are_read_back(cls, make):
    step = make(cls)
    step.export_config("pars.asdf")
    again = Step.from_config_file("pars.asdf")
    assert type(again) is cls
    assert again.name == step.name
    assert again.get_pars() == step.get_pars()
    assert again.current_parameters() == step.current_parameters()
    assert cls.configured(config_file="pars.asdf").get_pars() == step.get_pars()


def test_ini_and_both_asdf_layouts_agree(cls):
    step = changed(cls)
    values = written(step.get_pars())
    flat = {"class": get_fully_qualified_class_name(cls), "name": step.name, **values}
    ini = ConfigObj(flat, interpolation=False)
    ini.filename = "pars.cfg"
    ini.write()
    asdf.AsdfFile({"parameters": flat}).write_to("old.asdf")
    step.export_config("new.asdf")
    for name in ("pars.cfg", "old.asdf", "new.asdf"):
        again = Step.from_config_file(name)
        assert (type(again), again.name, again.get_pars()) == (cls, step.name, step.get_pars()), name


def test_a_section_made_of_the_parameters_gives_them_back(cls):
    step = changed(cls)
    config, path = cls.build_config(None, **step.get_pars())
    assert path is None
    assert cls.from_config_section(config).get_pars() == step.get_pars()


def test_updating_with_the_parameters_of_another_makes_them_equal(cls):
    step, other = changed(cls), cls()
    other.update_pars(step.get_pars())
    assert other.get_pars() == step.get_pars()
