"""Hooks, statement by statement (framework.md §12; docs/statements/framework_12_15.md)."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stpipe import Param, Step
from stpipe.exceptions import ParameterError
from stpipe.hooks import FunctionWrapper, SystemCall, make_hooks
from tests.stpipe import cli_steps
from tests.stpipe.cli_steps import CALLS, Chain, Failing, Model, Named, Scale

ROOT = Path(__file__).parents[2]
HERE = "tests.stpipe.cli_steps"


@pytest.fixture(autouse=True)
def clean(workdir):
    CALLS.clear()


class Plain(Step):
    """A hook without an alias, with parameters of several types."""

    names = Param([], "Names", type=list[str])
    label = Param(None, "A text", type=str)
    factor = Param(1.0, "A factor")

    def process(self, *args):
        CALLS.append((self.name, args))


def command(text: str, **parameters) -> SystemCall:
    """A shell command step."""
    return SystemCall("Cmd", command=text, output_ext=".fits", **parameters)


class TestArgumentsAndResults:
    def test_pre_hook_gets_all_arguments_and_none_leaves_them(self):
        Scale(pre_hooks=[Named]).run("x", "y", 3)
        assert [call[-1] for call in CALLS] == [("x", "y", 3)] * 2

    def test_result_of_a_pre_hook_replaces_all_arguments(self):
        Scale(pre_hooks=[lambda *args: len(args), cli_steps.note]).run("x", "y", 3)
        assert [call[-1] for call in CALLS] == [(3,), (3,)]

    def test_false_is_a_result_and_none_is_not(self):
        Scale(pre_hooks=[lambda *args: False]).run("x")
        assert CALLS[-1][-1] == (False,)

    def test_post_hook_gets_the_result_only(self):
        result = Scale(post_hooks=[cli_steps.note]).run(Model(1.5), "other")
        assert result.value == 3.0
        assert CALLS[-1] == ("note", (result,))

    def test_hooks_run_around_process(self):
        Scale(pre_hooks=[Named], post_hooks=[Named]).run(Model())
        assert [call[0] for call in CALLS] == ["named", "Scale", "named"]


class TestMaking:
    @pytest.mark.parametrize("kind", ["pre", "post"])
    def test_name_of_a_class_without_alias_has_its_place(self, kind):
        step = Scale("Main", **{f"{kind}_hooks": [Named, Plain, Plain("mine", output_ext=".fits"), "true"]})
        made = make_hooks(step, kind)
        assert [hook.name for hook in made] == ["named", f"{kind}_hook1", f"{kind}_hook2", f"{kind}_hook3"]

    def test_literal_keyword_values_in_a_text(self, monkeypatch):
        monkeypatch.setattr(cli_steps, "Plain", Plain, raising=False)
        step = Scale(pre_hooks=[f"{HERE}.Plain(names=['a', 'b'], label='x, (y)', factor=-2e3)", f"{HERE}.Plain()"])
        made, bare = step._pre_hooks
        assert (made.names, made.label, made.factor) == (["a", "b"], "x, (y)", -2000.0)
        assert (bare.name, bare.factor, bare.parent) == ("pre_hook1", 1.0, step)

    def test_every_kind_inherits_the_extension(self):
        hooks = [Named, f"{HERE}.Named", f"{HERE}.Named(number=2)", f"{HERE}.note", cli_steps.note, "true"]
        step = Scale(output_ext=".asdf", pre_hooks=hooks)
        assert [hook.output_ext for hook in step._pre_hooks] == [".asdf"] * 6

    def test_they_are_made_with_the_step_and_anew_when_they_change(self):
        step = Scale(pre_hooks=[Named])
        first = step._pre_hooks
        step.run("x")
        assert step._pre_hooks is first
        step.post_hooks = [cli_steps.note]
        step.output_ext = ".asdf"
        step.run("x")
        assert CALLS[-1][0] == "note"
        assert [hook.output_ext for hook in (*step._pre_hooks, *step._post_hooks)] == [".asdf"] * 2

    def test_a_name_that_is_missing_is_told_when_the_step_is_made(self):
        with pytest.raises(AttributeError, match=r"module 'json' has no attribute 'lods' \(did you mean 'loads'\?\)"):
            Scale(pre_hooks=["json.lods"])
        with pytest.raises(AttributeError, match="hook 'json.lods' of step first"):
            Chain(steps={"first": {"post_hooks": ["json.lods"]}})

    def test_what_is_no_hook_is_a_wrong_parameter(self):
        with pytest.raises(ParameterError, match="Hook 3 of step Scale is neither a Step, a function nor a text"):
            Scale(pre_hooks=[3])

    def test_function_step_gets_the_model(self):
        model = Model(2.0)
        FunctionWrapper(cli_steps.note, output_ext=".fits").run(model)
        Scale(pre_hooks=[f"{HERE}.note"]).run(model)
        assert CALLS[0] == CALLS[1] == ("note", (model,))

    def test_facades_have_the_same_objects(self):
        from stpipe._function_wrapper import FunctionWrapper as Function
        from stpipe._subproc import SystemCall as Command

        assert Function is FunctionWrapper
        assert Command is SystemCall


class TestCommand:
    def test_parameters(self):
        declared = SystemCall.declared_parameters()
        flags = ("log_stdout", "log_stderr", "exitcode_as_exception", "failure_as_exception")
        assert {name: declared[name].default for name in flags} == dict.fromkeys(flags, True)
        assert declared["env"].default == []
        with pytest.raises(ParameterError, match="Config parameter 'command': missing"):
            SystemCall(output_ext=".fits")

    def test_it_returns_none_so_that_arguments_and_result_stay(self):
        assert command("echo x").run("a") is None
        assert Scale(pre_hooks=["echo x"], post_hooks=["echo y"]).run(Model(2.0)).value == 4.0

    def test_arguments_in_braces(self, caplog):
        caplog.set_level("INFO")
        command("echo {1}-{0}-{1}").run("a", 2)
        assert "2-a-2" in caplog.messages

    @pytest.mark.parametrize("code", [1, 3, 127])
    def test_error_code(self, code):
        with pytest.raises(OSError, match=f"^'exit {code}' returned error code {code}$"):
            command(f"exit {code}").run()
        command(f"exit {code}", exitcode_as_exception=False).run()

    def test_a_failing_hook_ends_the_run(self):
        with pytest.raises(OSError, match="returned error code 2"):
            Scale(pre_hooks=["exit 2", Named]).run("x")
        assert CALLS == []

    def test_a_command_that_cannot_be_started(self, monkeypatch, caplog):
        def refuse(*_, **__):
            raise OSError("no processes left")

        monkeypatch.setattr(subprocess, "Popen", refuse)
        with pytest.raises(OSError, match="no processes left"):
            command("true").run()
        command("true", failure_as_exception=False).run()
        assert "'true' could not be started" in caplog.messages

    def test_output_is_logged_at_info(self, caplog):
        caplog.set_level("INFO")
        command("echo out; echo err >&2").run()
        levels = {record.getMessage(): record.levelno for record in caplog.records}
        assert (levels["out"], levels["err"]) == (logging.INFO, logging.INFO)

    @pytest.mark.parametrize(("silent", "heard"), [("log_stdout", "err"), ("log_stderr", "out")])
    def test_either_stream_can_be_left_out(self, silent, heard, caplog):
        caplog.set_level("INFO")
        command("echo out; echo err >&2", **{silent: False}).run()
        assert [text for text in caplog.messages if text in ("out", "err")] == [heard]

    def test_environment(self, caplog, monkeypatch):
        caplog.set_level("INFO")
        monkeypatch.setenv("STPIPE_OLD", "old")
        monkeypatch.setenv("STPIPE_KEPT", "kept")
        echo = "echo ${STPIPE_NEW-none},${STPIPE_OLD-none},$STPIPE_KEPT"
        command(echo, env=["STPIPE_NEW=a=b", "STPIPE_OLD="]).run()
        command(echo).run()
        assert [text for text in caplog.messages if text.endswith(",kept")] == ["a=b,none,kept", "none,old,kept"]
        assert os.environ["STPIPE_OLD"] == "old"

    def test_more_than_a_pipe_holds_on_both_streams(self, caplog):
        caplog.set_level("INFO", logger="stpipe.hooks")
        line = "x" * 1000
        command(f"for i in $(seq 200); do echo {line}; echo e{line} >&2; done").run()
        assert caplog.messages.count(line) == caplog.messages.count(f"e{line}") == 200

    def test_output_is_logged_while_the_command_runs(self, caplog):
        caplog.set_level("INFO")
        command("echo first; sleep 0.3; echo second").run()
        times = {record.getMessage(): record.created for record in caplog.records}
        assert times["second"] - times["first"] > 0.2

    @pytest.mark.parametrize(("text", "error"), [("ls -l {0}", None), ("ls -l {0}; exit 4", OSError)])
    def test_files_of_models_have_the_qualified_name_and_go(self, text, error, caplog, workdir):
        caplog.set_level("INFO")
        step = Chain(steps={"first": {"pre_hooks": [text], "output_ext": ".asdf"}})
        if error is None:
            step.run(Model())
        else:
            with pytest.raises(error):
                step.run(Model())
        (shown,) = [text for text in caplog.messages if text.endswith("/stpipe.Chain.first.pre_hook0.0000.asdf")]
        path = Path(shown.split()[-1])
        assert not path.parent.exists()
        assert path.parent.parent != workdir
        assert list(workdir.iterdir()) == []

    def test_second_model_has_the_next_number(self, caplog, workdir):
        caplog.set_level("INFO")
        Scale("Main", pre_hooks=["cat {1}; echo {1}"]).run(Model(1.5), Model(2.5))
        assert "2.5" in caplog.messages
        assert any(text.endswith("/stpipe.Main.pre_hook0.0001.fits") for text in caplog.messages)
        assert list(workdir.iterdir()) == []


def test_failing_step_and_hook_that_is_a_failing_step():
    with pytest.raises(KeyError, match="a bug"):
        Scale(pre_hooks=[Failing]).run("bug")
    assert CALLS == []


def test_hooks_of_a_step_that_is_not_skipped_do_run():
    Chain(steps={"first": {"pre_hooks": [Named]}, "second": {"skip": True, "post_hooks": [Named]}}).run(Model())
    assert [call[0] for call in CALLS] == ["named", "first"]


MAIN = """
from stpipe import Param, Pipeline, Step
class Hook(Step):
    number = Param(1, "A number")
    def process(self, x):
        print(self.name, self.number, x)
        return x + 1
def twice(x):
    return 2 * x
class Work(Step):
    output_ext = Param(".fits", "Extension")
    def process(self, x):
        return x
class Both(Pipeline):
    output_ext = Param(".fits", "Extension")
    step_defs = {"work": Work}
    def process(self, x):
        return self.work.run(x)
hooks = [Hook, Hook("mine", output_ext=".fits"), "__main__.Hook", "__main__.Hook(number=7)", twice, "__main__.twice"]
print("result", Both(steps={"work": {"pre_hooks": hooks, "post_hooks": [Hook]}}).run(1))
print(Both.call(1, pre_hooks=[Hook], configure_log=False))
"""


def test_classes_and_functions_without_a_source_file_are_hooks(workdir):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", MAIN], capture_output=True, text=True, env=environment, check=False, cwd=workdir
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "pre_hook0 1 1",
        "pre_hook1 1 2",
        "pre_hook2 1 3",
        "pre_hook3 7 4",
        "post_hook0 1 20",
        "result 21",
        "pre_hook0 1 1",
        "2",
    ]
