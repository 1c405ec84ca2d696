"""Statements of the specification: the public surface (spec framework.md §1)."""

from __future__ import annotations

import importlib
import pickle
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import stpipe
from stpipe import Step, exceptions
from stpipe.exceptions import ParameterError, StpipeException, StpipeExitException, ValidationError

SURFACE = {
    "stpipe": ["Step", "Pipeline", "__version__", "Param", "Skip"],
    "stpipe.step": ["Step", "get_disable_crds_steppars", "preserve_step_pars"],
    "stpipe.pipeline": ["Pipeline"],
    "stpipe.config_parser": [
        "load_config_file", "load_spec_file", "get_merged_spec_file", "merge_config", "config_from_dict", "validate",
        "string_to_python_type", "ValidationError", "ConfigObj", "Section",
    ],
    "stpipe.crds_client": [
        "get_reference_file", "get_multiple_reference_paths", "check_reference_open", "get_override_name",
        "get_svn_version", "get_context_used", "reference_uri_to_cache_path", "CrdsError", "ReferenceServiceError",
    ],
    "stpipe.datamodel": ["AbstractDataModel"],
    "stpipe.library": ["AbstractModelLibrary", "LibraryError", "BorrowError", "ClosedLibraryError", "NoGroupID"],
    "stpipe.entry_points": ["get_steps", "StepInfo", "STEPS_GROUP"],
    "stpipe.exceptions": ["StpipeException", "StpipeExitException", "ValidationError", "ParameterError"],
    "stpipe.format_template": ["FormatTemplate"],
    "stpipe.utilities": [
        "resolve_step_class_alias", "import_class", "import_func", "get_spec_file_path", "find_spec_file",
        "get_fully_qualified_class_name",
    ],
    "stpipe._cmdline": ["step_from_cmdline", "FromCommandLine"],
    "stpipe._log": [
        "LogConfig", "load_configuration", "LoggedException", "BreakHandler", "RecordingHandler", "STPIPE_ROOT_LOGGER",
    ],
    "stpipe._config": ["StepConfig", "export_config", "_validate_asdf"],
    "stpipe._cli": ["handle_args"],
    "stpipe._cli.main": ["main"],
    "stpipe._cli.strun": ["main"],
    "stpipe._integration": ["SCHEMAS_PATH"],
    "stpipe._hooks": [],
    "stpipe._subproc": ["SystemCall"],
    "stpipe._function_wrapper": ["FunctionWrapper"],
}  # fmt: skip
BUDGETS = [
    ("import stpipe", 0.15),
    ("from stpipe.cli.strun import main; main(['--help'])", 0.3),
    ("from stpipe.cli.strun import main; main(['--version'])", 0.3),
    ("from stpipe.cli.main import main; main(['list'])", 0.4),
]
HEAVY = ("numpy", "asdf", "astropy", "crds", "configobj", "yaml", "stdatamodels", "jwst")


@pytest.mark.parametrize("module", SURFACE)
def test_names_of_the_public_surface(module):
    found = importlib.import_module(module)
    assert [name for name in SURFACE[module] if getattr(found, name, None) is None] == []


def test_names_are_the_same_objects_wherever_they_are_imported_from():
    assert stpipe.Step is Step
    for module, name, home in [
        ("stpipe.config_parser", "ValidationError", exceptions),
        ("stpipe._config", "StepConfig", importlib.import_module("stpipe.config_file")),
        ("stpipe._log", "LogConfig", importlib.import_module("stpipe.logs")),
        ("stpipe._subproc", "SystemCall", importlib.import_module("stpipe.hooks")),
        ("stpipe._function_wrapper", "FunctionWrapper", importlib.import_module("stpipe.hooks")),
    ]:
        assert getattr(importlib.import_module(module), name) is getattr(home, name)


def test_submodules_come_with_the_command_line_facade():
    from stpipe._cli import main, strun

    assert callable(main.main)
    assert callable(strun.main)


def test_the_root_logger_is_called_stpipe():
    from stpipe._log import STPIPE_ROOT_LOGGER

    assert STPIPE_ROOT_LOGGER == "stpipe"


def test_the_schemas_are_package_data():
    import stpipe.resources.schemas
    from stpipe._integration import SCHEMAS_PATH

    folder = Path(stpipe.resources.schemas.__file__).parent
    assert {path.name for path in folder.glob("*.yaml")} == {
        "step_config-0.1.0.yaml", "step_config-1.0.0.yaml", "step_config_with_metadata-1.0.0.yaml",
    }  # fmt: skip
    assert isinstance(SCHEMAS_PATH, str)
    assert Path(SCHEMAS_PATH).samefile(folder)


@pytest.mark.parametrize("name", ["__call__", "closeout"])
def test_methods_that_are_gone(name, fakes):
    assert not any(name in vars(base) for base in Step.__mro__[:-1])
    assert not callable(fakes.S1())


def test_linear_pipelines_are_gone():
    assert not hasattr(stpipe, "LinearPipeline")
    assert not hasattr(importlib.import_module("stpipe.pipeline"), "LinearPipeline")


def test_the_variable_for_profiles_is_gone(fakes, workdir, monkeypatch):
    monkeypatch.setenv("STPIPE_PROFILE", str(workdir / "profile.out"))
    fakes.S1.call(fakes.FakeModel("x.fits"))
    assert list(workdir.iterdir()) == []


def seconds_of(code):
    """Processor time of a program in a process of its own, less that of an empty one; the smallest of three."""
    return min(_seconds(code) for _ in range(3)) - min(_seconds("pass") for _ in range(3))


def _seconds(code):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(("code", "budget"), BUDGETS)
def test_start_up_budgets(code, budget):
    assert seconds_of(code) < budget


@pytest.mark.parametrize(
    "code", [code if "list" not in code else "import stpipe.step, stpipe.entry_points" for code, _ in BUDGETS]
)
def test_heavy_packages_are_imported_when_first_needed(code):
    report = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", f"{code}; {report}"], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_base_of_the_errors():
    assert StpipeException.__bases__ == (Exception,)
    assert issubclass(StpipeExitException, StpipeException)


def test_an_exit_exception_keeps_its_status_and_message():
    error = StpipeExitException(64, "no data on detector")
    assert (error.exit_status, error.args, str(error)) == (64, (64, "no data on detector"), "no data on detector")
    again = pickle.loads(pickle.dumps(error))
    assert (again.exit_status, str(again)) == (64, str(error))


def test_validation_errors():
    assert issubclass(ValidationError, StpipeException)
    assert ParameterError.__bases__ == (ValidationError, ValueError)


def test_bad_parameters_are_parameter_errors_by_every_way_in(fakes, workdir):
    from configobj import ConfigObj

    (workdir / "bad.cfg").write_text("par = x\n")
    step = fakes.S1()
    ways = [
        lambda: fakes.S1(par="x"),
        lambda: fakes.S1.call(None, par="x"),
        lambda: fakes.S1.configured(par="x"),
        lambda: fakes.S1.build_config(None, par="x"),
        lambda: fakes.S1.from_config_file("bad.cfg"),
        lambda: fakes.S1.from_config_section(ConfigObj({"par": "x"})),
        lambda: fakes.FakePipeline(steps={"a": {"par": "x"}}),
        lambda: setattr(step, "par", "x"),
        lambda: step.update_pars({"par": "x"}),
    ]
    for way in ways:
        with pytest.raises(ParameterError, match='par\': the value "x" is of the wrong type'):
            way()


def test_the_tree_of_errors_is_drawn_in_full():
    """Every public error of the framework stands in the docstring, under the class it derives from."""
    for module in ("crds_client", "library", "run_what", "executors.errors", "loaded_run"):
        importlib.import_module(f"stpipe.{module}")
    importlib.import_module("stpipe.crds_client").ReferenceServiceError  # noqa: B018 - imported when asked for
    parents, stack = {}, []
    for line in exceptions.__doc__.splitlines():
        if "── " in line:
            depth, name = line.index("── "), line.split("── ")[1].split()[0]
            stack = [entry for entry in stack if entry[0] < depth]
            parents[name] = stack[-1][1] if stack else "Exception"
            stack.append((depth, name))
    drawn = {name: parent for name, parent in parents.items() if name != "StpipeException"}
    found = {cls.__name__: cls.__mro__[1].__name__ for cls in _kinds(StpipeException) if cls.__name__[0] != "_"}
    assert drawn == found


def _kinds(cls):
    for kind in cls.__subclasses__():
        if kind.__module__.startswith("stpipe.") and kind.__name__ != "ParameterFileError":
            yield kind
        yield from _kinds(kind)
