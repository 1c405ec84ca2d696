"""Scripts that use worker processes: with and without a guard, interrupted, killed, and inside other processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

HERE = str(Path(__file__).parent)
HEAD = f"""
import os, sys, time
sys.path.insert(0, {HERE!r})
os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"
import stpipe
import steps_for_runs as steps
"""


@pytest.fixture
def inputs(workdir: Path) -> Path:
    for value in range(1, 4):
        Path(f"v{value}.json").write_text(json.dumps({"value": value}))
    return workdir


def started(text: str, **more: Any) -> subprocess.Popen:
    Path("script.py").write_text(HEAD + text)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "script.py"], text=True, start_new_session=True, **pipes, **more)


def output(process: subprocess.Popen, seconds: float = 20) -> tuple[str, str]:
    try:
        return process.communicate(timeout=seconds)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def pids(path: str) -> list[int]:
    """Numbers of the processes that have written into a file."""
    for _ in range(400):
        if os.path.exists(path) and len(Path(path).read_text().split()) >= 2:
            return [int(word) for word in Path(path).read_text().split()]
        time.sleep(0.02)
    raise AssertionError("the workers did not start")


def all_gone(numbers: list[int], seconds: float) -> bool:
    """Whether none of these processes is left after so many seconds, zombies not counted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(is_running(number) for number in numbers):
            return True
        time.sleep(0.02)
    return False


def is_running(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_functions_and_classes_of_the_main_script_work_under_a_guard(inputs):
    process = started("""
class Mine(steps.Base):
    def process(self, init):
        return self.open_model(init).value * 2

def double(value):
    return os.getpid(), value * 2

if __name__ == "__main__":
    runner = stpipe.run(Mine, ["v1.json", "v2.json"], executor="processes", workers=2)
    pid, value = stpipe.run(double, 21, executor="processes").result
    print(runner.status, *runner.result.values(), pid != os.getpid(), value)
""")
    out, err = output(process)
    assert out.split() == ["successful", "2", "4", "True", "42"]
    assert err == ""


def test_a_script_without_a_guard_gets_a_message_and_ends(inputs):
    process = started("""
print("once more")
runner = stpipe.run(steps.Add, ["v1.json", "v2.json"], executor="processes", workers=2)
print(runner.status, runner.rc)
print(runner.exception)
""")
    out, err = output(process)
    assert "failed 2" in out
    assert 'if __name__ == "__main__":' in out
    assert 'if __name__ == "__main__":' in err
    assert out.count("once more") <= 3


def test_a_command_without_a_file_does_its_own_functions_itself(inputs):
    text = (
        HEAD
        + """
def mine(value):
    return os.getpid()
print(stpipe.run(mine, 1, executor="processes").result == os.getpid())
print(stpipe.run(steps.Looks, "v1.json", executor="processes").result["pid"] == os.getpid())
"""
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=20)
    assert done.stdout.split() == ["True", "False"]


SLEEPERS = """
if __name__ == "__main__":
    steps_given = dict(how="note_always", seconds=30)
    runner = stpipe.run(steps.Odd, ["v1.json", "v2.json"], executor="processes", workers=2, **steps_given)
"""


def test_ctrl_c_ends_the_run_and_leaves_no_process(inputs):
    process = started(SLEEPERS)
    workers = pids("pids")
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    _, err = output(process, 5)
    assert time.monotonic() - began < 2
    assert process.returncode not in (0, None)
    assert "KeyboardInterrupt" in err
    assert all_gone(workers, 1.0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_of_the_run(inputs, number):
    Path("temporary").mkdir()
    process = started(SLEEPERS, env={**os.environ, "TMPDIR": os.path.abspath("temporary")})
    workers = pids("pids")
    assert list(Path("temporary").glob("stpipe-run-*"))
    os.kill(process.pid, number)
    assert all_gone(workers, 1.5)
    output(process, 5)
    assert not list(Path("temporary").glob("stpipe-run-*"))


def test_idle_workers_end_with_the_script(inputs):
    process = started("""
if __name__ == "__main__":
    runner = stpipe.run(steps.Looks, ["v1.json", "v2.json"], executor="processes", workers=2)
    print(*{result["pid"] for result in runner.result.values()})
""")
    out, _ = output(process)
    assert all_gone([int(word) for word in out.split()], 1.0)


def test_processes_that_may_have_no_children_do_the_work_themselves(inputs):
    process = started("""
import logging, multiprocessing

def one(name):
    logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s", level="WARNING")
    runner = stpipe.run(steps.Looks, name, executor="processes", workers=2)
    return runner.result["pid"] == os.getpid()

if __name__ == "__main__":
    print(stpipe.run(steps.Add, "v1.json", executor="processes").status)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(pool.map(one, ["v1.json"]))
    print(stpipe.run(one, "v1.json", executor="processes").result)
    print(stpipe.run(steps.Add, "v1.json", executor="processes").status)
""")
    out, _ = output(process)
    lines = [line for line in out.splitlines() if line.strip("[]") in ("successful", "True", "False")]
    assert lines == ["successful", "[True]", "True", "successful"]
    assert "may not have worker processes" in out
