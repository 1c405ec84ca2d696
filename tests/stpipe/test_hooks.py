"""What runs before and after a step."""

from __future__ import annotations

import time

import pytest

from stpipe.exceptions import ParameterError
from stpipe.hooks import FunctionWrapper, SystemCall, make_hooks
from tests.stpipe import cli_steps
from tests.stpipe.cli_steps import CALLS, Chain, Model, Named, Scale

HERE = "tests.stpipe.cli_steps"


@pytest.fixture(autouse=True)
def clean(workdir):
    CALLS.clear()


def only(hook, kind="pre"):
    """The one step made of one hook."""
    step = Scale("Main", **{f"{kind}_hooks": [hook]})
    (made,) = make_hooks(step, kind)
    return made, step


@pytest.mark.parametrize(
    ("hook", "name", "qualified"),
    [
        pytest.param(Named, "named", "stpipe.Main.named", id="class with alias"),
        pytest.param(f"{HERE}.Named", "named", "stpipe.Main.named", id="text of a class"),
        pytest.param(f"{HERE}.Named(number=3)", "named", "stpipe.Main.named", id="text of a call"),
        pytest.param(f"{HERE}.Failing", "pre_hook0", "stpipe.Main.pre_hook0", id="class without alias"),
        pytest.param(f"{HERE}.note", "note", "stpipe.Main.note", id="text of a function"),
        pytest.param(cli_steps.note, "note", "stpipe.Main.note", id="function"),
        pytest.param("echo hello", "pre_hook0", "stpipe.Main.pre_hook0", id="command"),
    ],
)
def test_hooks_are_named_and_parented(hook, name, qualified):
    made, step = only(hook)
    assert (made.name, made.qualified_name, made.parent) == (name, qualified, step)
    assert made.output_ext == ".fits"


def test_instances_are_renamed_and_have_no_parent():
    hook = Named(output_ext=".asdf")
    made, _ = only(hook, "post")
    assert made is hook
    assert (made.name, made.parent, made.output_ext) == ("named", None, ".asdf")


def test_parameters_in_a_text():
    made, _ = only(f"{HERE}.Named(number=3)")
    assert made.number == 3
    with pytest.raises(ParameterError, match="Extra value 'nmbr'"):
        only(f"{HERE}.Named(nmbr=3)")
    with pytest.raises(ParameterError, match="wrong type"):
        only(f"{HERE}.Named(number='x')")


@pytest.mark.parametrize("text", ["ls", "echo a.b", "no_such_module.thing", "my.sh {0}", "f(x)", "a.b(1)"])
def test_any_other_text_is_a_command(text):
    made, _ = only(text)
    assert isinstance(made, SystemCall)
    assert made.command == text


@pytest.mark.parametrize(
    ("hook", "error"), [("json.no_such_name", AttributeError), ("json.JSONDecoder", TypeError), (3, ParameterError)]
)
def test_hooks_that_cannot_be(hook, error):
    with pytest.raises(error):
        only(hook)


def test_pre_hooks_run_in_order_and_replace_the_arguments():
    step = Scale(pre_hooks=[Named, cli_steps.add_one], factor=10.0)
    assert step.run(Model(1.0)).value == 20.0
    assert CALLS[0][0] == "named"
    CALLS.clear()
    Scale(pre_hooks=[Named, cli_steps.note]).run("x", "y")
    assert [call[-1] for call in CALLS] == [("x", "y")] * 3


def test_post_hooks_run_in_order_and_replace_the_result():
    step = Scale(post_hooks=[f"{HERE}.add_one", Named, f"{HERE}.add_one"])
    assert step.run(Model(1.0)).value == 4.0
    assert [call[0] for call in CALLS] == ["Scale", "named"]


def test_hooks_of_a_skipped_sub_step_do_not_run():
    pipeline = Chain(steps={"first": {"skip": True, "pre_hooks": [Named], "post_hooks": [Named]}})
    pipeline.run(Model())
    assert [call[0] for call in CALLS] == ["second"]


def test_command_gets_arguments_and_logs_its_output(caplog):
    caplog.set_level("INFO")
    Scale(pre_hooks=["echo got {0}; echo oops >&2"]).run("x.fits")
    assert "got x.fits" in caplog.messages
    assert "oops" in caplog.messages


def test_command_gets_models_as_files_that_are_removed(caplog, workdir):
    caplog.set_level("INFO")
    Scale("Main", pre_hooks=["echo {0} {1}; cat {0}"]).run(Model(4.5), "x")
    path, other = next(text for text in caplog.messages if text.endswith(" x") and text.startswith("/")).split()
    assert other == "x"
    assert path.endswith("/stpipe.Main.pre_hook0.0000.fits")
    assert "4.5" in caplog.messages
    assert list(workdir.iterdir()) == []


def test_braces_of_the_shell_stay(caplog):
    caplog.set_level("INFO")
    Scale(pre_hooks=["echo a b | awk '{print $2}'; echo {0}"]).run("x")
    assert "b" in caplog.messages
    assert "x" in caplog.messages


def test_failing_command():
    with pytest.raises(OSError, match="'exit 3' returned error code 3"):
        SystemCall(command="exit 3", output_ext=".fits").run()
    assert SystemCall(command="exit 3", exitcode_as_exception=False, output_ext=".fits").run() is None


def test_environment_of_a_command(caplog, monkeypatch):
    caplog.set_level("INFO")
    monkeypatch.setenv("STPIPE_TEST_OLD", "old")
    command = "echo [$STPIPE_TEST_NEW][${STPIPE_TEST_OLD-unset}]"
    SystemCall(command=command, env=["STPIPE_TEST_NEW=a=b", "STPIPE_TEST_OLD="], output_ext=".fits").run()
    assert "[a=b][unset]" in caplog.messages


def test_much_output_does_not_block(caplog):
    caplog.set_level("INFO")
    start = time.perf_counter()
    SystemCall(command="seq 30000 >&2; seq 30000 | tail -1", output_ext=".fits", log_stderr=False).run()
    SystemCall(command="seq 15000 | tr '\\n' ' ' >&2; echo done", output_ext=".fits").run()
    assert time.perf_counter() - start < 5
    assert caplog.messages.count("30000") == 1
    assert any(len(text) > 65536 for text in caplog.messages)


def test_output_can_be_silenced(caplog):
    caplog.set_level("INFO")
    SystemCall(command="echo quiet", log_stdout=False, output_ext=".fits").run()
    assert "quiet" not in caplog.messages


def test_function_step():
    step = FunctionWrapper(cli_steps.add_one, output_ext=".fits")
    assert step.name == "add_one"
    assert step.run(Model(1.0)).value == 2.0
