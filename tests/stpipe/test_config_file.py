"""Parameter files: every format read, written whole or not at all, round trip."""

from __future__ import annotations

import asdf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stpipe._config import StepConfig, _validate_asdf, export_config
from stpipe._integration import SCHEMAS_PATH, get_resource_mappings
from stpipe.config_file import config_for_class, read_parameter_file, write_parameter_file
from stpipe.exceptions import OutputError, ValidationError
from stpipe.parameters import Param
from stpipe.yaml_text import dump_asdf, read_tree

URI = "http://stsci.edu/schemas/stpipe/"
HEAD = "#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"
NEW = """class: pkg.Detector
name: det
parameters: {save: true, odd: !mine/thing-1.0.0 {a: 1}, when: 2020-01-01T00:00:00}
steps:
- class: pkg.JumpStep
  name: jump
  parameters: {threshold: 12.0}
"""
OLD = """parameters:
  class: pkg.Detector
  name: det
  save: true
  steps:
    jump: {class: pkg.JumpStep, threshold: 12.0}
"""


class JumpStep:
    class_alias = "jump"
    threshold = Param(4.0)


class OtherJump(JumpStep):
    class_alias = "jump2"


class Detector:
    class_alias = "det1"
    step_defs = {"jump": JumpStep, "again": OtherJump}
    save = Param(False)


class Doubled:
    step_defs = {"one": JumpStep, "two": JumpStep}


def write(tmp_path, text, name="p.asdf"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_asdf_as_the_schema_says(tmp_path):
    config = read_parameter_file(write(tmp_path, HEAD + NEW + "...\n"))
    assert config == StepConfig(
        "pkg.Detector",
        "det",
        {"save": True, "odd": {"a": 1}, "when": "2020-01-01T00:00:00"},
        [StepConfig("pkg.JumpStep", "jump", {"threshold": 12.0}, [])],
    )


def test_legacy_and_bare_yaml_and_metadata(tmp_path):
    jump = StepConfig("pkg.JumpStep", "jump", {"threshold": 12.0}, [])
    expected = StepConfig("pkg.Detector", "det", {"save": True}, [jump])
    assert read_parameter_file(write(tmp_path, HEAD + OLD + "...\n")) == expected
    assert read_parameter_file(write(tmp_path, OLD, "p.yaml")) == expected
    with_meta = HEAD + "meta: {author: me}\nhistory: {}\nclass: c\nparameters: {x: 1}\n...\n"
    assert read_parameter_file(write(tmp_path, with_meta)) == StepConfig("c", None, {"x": 1}, [])


def test_ini(tmp_path):
    text = "name = det\nclass = pkg.Detector\nsave = true\n"
    text += '[steps]\n[[jump]]\nthreshold = 3\n[[again]]\nconfig_file = "o.cfg"\n'
    config = read_parameter_file(write(tmp_path, text, "p.cfg"))
    assert config.as_mapping() == {
        "save": "true",
        "steps": {"jump": {"threshold": "3"}, "again": {"config_file": "o.cfg"}},
    }
    assert (config.class_name, config.name) == ("pkg.Detector", "det")
    assert read_parameter_file(write(tmp_path, text, "p.asdf")) == config


def test_a_changed_file_is_read_again(tmp_path):
    path = write(tmp_path, "class: a\nparameters: {x: 1}\n")
    assert read_parameter_file(path).parameters == {"x": 1}
    write(tmp_path, "class: a\nparameters: {x: 1, y: 22}\n")
    assert read_parameter_file(path).parameters == {"x": 1, "y": 22}


def test_what_a_caller_changes_does_not_stay(tmp_path):
    path = write(tmp_path, "class: a\nparameters: {x: [1]}\n")
    read_parameter_file(path).parameters["x"].append(2)
    assert read_parameter_file(path).parameters == {"x": [1]}


def test_binary_blocks_go_through_asdf(tmp_path):
    path = tmp_path / "p.asdf"
    tree = {"class": "c", "name": "n", "parameters": {"x": np.arange(40.0)}}
    asdf.AsdfFile(tree).write_to(path)
    assert read_parameter_file(path).parameters["x"] == list(range(40))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class: 3\nparameters: {}\n", "'class' has to be a text, not 3"),
        ("class: a\nparameters: [1]\n", "'parameters' has to be a mapping"),
        ("class: a\nparameters: {}\nsteps: 3\n", "'steps' has to be a list"),
        ("class: a\nparameters: {}\nsteps: [3]\n", r"steps\[0\]: '3' is not a mapping"),
        ("class: a\nparametrs: {}\n", r"unknown key 'parametrs' \(did you mean 'parameters'\?\)"),
        ("class: [", "cannot be read"),
    ],
)
def test_what_is_no_parameter_file(tmp_path, text, message):
    with pytest.raises(ValidationError, match=message):
        read_parameter_file(write(tmp_path, f"{HEAD}{text}\n...\n"))


def test_a_missing_file():
    with pytest.raises(ValueError, match=r"Config file /nope/p.asdf not found\."):
        read_parameter_file("/nope/p.asdf")


def test_names_of_sub_steps_come_from_their_class(tmp_path):
    text = "steps:\n- class: somewhere.JumpStep\n  parameters: {threshold: 1}\n- class: x::jump2\n  parameters: {}\n"
    config = config_for_class(write(tmp_path, text, "p.yaml"), Detector)
    assert [step.name for step in config.steps] == ["jump", "again"]
    with pytest.raises(ValidationError, match="fits several sub-steps of Doubled.*one, two"):
        config_for_class(tmp_path / "p.yaml", Doubled)
    with pytest.raises(ValidationError, match="fits no sub-step of Detector.*jump, again"):
        config_for_class(write(tmp_path, "steps:\n- class: Foo\n  parameters: {}\n", "q.yaml"), Detector)


def test_steps_as_a_mapping(tmp_path):
    text = "steps:\n  jump: {threshold: 3}\n  again: {parameters: {threshold: 4}}\n"
    config = config_for_class(write(tmp_path, text, "p.yaml"), Detector)
    assert config.as_mapping() == {"steps": {"jump": {"threshold": 3}, "again": {"threshold": 4}}}


def test_a_recipe_gives_its_first_entry_of_the_class(tmp_path):
    text = "description: d\nsteps:\n- other\n- step: jump\n  in: {threshold: 5}\n- step: jump\n  in: {threshold: 6}\n"
    path = write(tmp_path, text, "r.yaml")
    assert config_for_class(path, JumpStep).parameters == {"threshold": 5}


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)


@given(st.dictionaries(st.text("abc", min_size=1), SCALARS | st.lists(SCALARS, max_size=3), max_size=4))
def test_written_trees_are_read_back(parameters):
    tree = StepConfig("pkg.X", "x", parameters, [StepConfig("pkg.Y", "y", dict(parameters), [])]).to_tree()
    assert read_tree("p.asdf", dump_asdf(tree)) == tree


def test_asdf_reads_what_we_write_and_finds_it_valid(tmp_path):
    config = StepConfig("pkg.X", "x", {"a": np.float32(0.5), "b": (1, 2), "c": tmp_path, "d": print, "e": np.arange(2)})
    path = write_parameter_file(tmp_path / "sub" / "p.asdf", config, include_metadata=True)
    with asdf.open(path, custom_schema=f"{SCHEMAS_PATH}/step_config-1.0.0.yaml") as file:
        assert file["parameters"] == {"a": 0.5, "b": [1, 2], "c": str(tmp_path), "d": "builtins.print", "e": [0, 1]}
        assert file["meta"]["description"] == "Parameters for calibration step pkg.X"
        assert StepConfig.from_asdf(file) == read_parameter_file(path)
    config.to_asdf().write_to(tmp_path / "q.asdf")
    assert read_parameter_file(tmp_path / "q.asdf") == read_parameter_file(path)


def test_an_old_file_survives_a_failure(tmp_path):
    path = write_parameter_file(tmp_path / "p.asdf", StepConfig("a", "a", {"x": 1}))
    with pytest.raises(ValueError, match="cannot be written"):
        write_parameter_file(path, StepConfig("a", "a", {"x": object()}))
    assert read_parameter_file(path).parameters == {"x": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["p.asdf"]
    with pytest.raises(OutputError):
        write_parameter_file(path + "/below/q.asdf", StepConfig("a", "a", {}))


def test_schemas_are_resources_of_asdf():
    names = {uri for mapping in get_resource_mappings() for uri in mapping}
    assert {f"{URI}{name}" for name in ("step_config-1.0.0", "step_config-0.1.0")} <= names
    manager = asdf.get_config().resource_manager
    assert b"nothing is left to specify" in manager[f"{URI}step_config_with_metadata-1.0.0"].lower()


def test_the_metadata_schema_wants_everything_filled_in():
    config = StepConfig("pkg.X", "x", {"a": 1}, [StepConfig("pkg.Y", "y", {}, [])])
    _validate_asdf(config.to_asdf(), f"{URI}step_config-1.0.0")
    file = config.to_asdf(include_metadata=True)
    _validate_asdf(file)
    schema = f"{URI}step_config_with_metadata-1.0.0"
    with pytest.raises(asdf.exceptions.ValidationError, match="<SPECIFY>"):
        _validate_asdf(file, schema)
    for key in ("author", "origin", "pedigree", "reftype", "telescope"):
        file.tree["meta"][key] = "known"
    file.tree["meta"]["instrument"]["name"] = "MIRI"
    file.tree["meta"]["useafter"] = "2020-01-01T00:00:00"
    _validate_asdf(file, schema)
    file.tree["meta"]["useafter"] = "2020-01-01"
    with pytest.raises(asdf.exceptions.ValidationError, match="2020-01-01"):
        _validate_asdf(file, schema)
    with pytest.raises(asdf.exceptions.ValidationError, match="parameters"):
        _validate_asdf(asdf.AsdfFile({"class": "x"}))
    with pytest.raises(asdf.exceptions.ValidationError, match="has to be a text"):
        StepConfig.from_asdf(asdf.AsdfFile({"class": 3}))


def test_export_and_import_give_equal_parameters(fakes, workdir):
    pipeline = fakes.FakePipeline(suffix="x", steps={"a": {"par": 8, "skip": True}})
    path = pipeline.export_config("p.asdf")
    again = fakes.FakePipeline.from_config_file(path)
    assert again.get_pars() == pipeline.get_pars()
    assert export_config(again) == export_config(pipeline).with_name(again.name)


def test_a_model_is_left_out_with_a_warning(fakes, workdir, caplog):
    class WithGain(fakes.FakeStep):
        reference_file_types = ["gain"]

    config = export_config(WithGain(override_gain=fakes.FakeModel("g.fits")))
    assert config.parameters["override_gain"] is None
    assert "Parameter 'override_gain' of step 'WithGain' is left out" in caplog.text
