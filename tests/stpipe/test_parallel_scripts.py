"""Scripts of users that share rows: in fresh processes, with and without a guard, killed and interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

FUNCTIONS = """
import time


def double(values, seconds=0.002):
    time.sleep(seconds)
    values *= 2
    return values.shape[-2]


def fail(values):
    time.sleep(0.002)
    raise ValueError("no good")
"""

HEAD = """
import os, sys, time
import numpy as np
import functions
from stpipe import parallel
from stpipe.parallel import RowWork, cores_of, sliced

parallel.MINIMUM_BYTES = parallel.LEAST_BYTES = 0
parallel.available_cores = lambda: 2
print("script", flush=True)


def work(function=functions.double, **constants):
    values = np.ones((2, 64, 4), np.float32)
    sliced(RowWork("script", function, updated={"values": values}, constants=constants), cores=cores_of("all"))
    assert (values == 2).all()


def until_shared():
    from stpipe.parallel_crew import crew
    while not crew.pids:
        work()
    work()
    return crew.pids
"""


@pytest.fixture
def script(tmp_path):
    """Start a script."""
    (tmp_path / "functions.py").write_text(FUNCTIONS)
    started = []

    def start(body):
        path = tmp_path / "script.py"
        path.write_text(HEAD + body)
        pipe = subprocess.PIPE
        environment = {name: value for name, value in os.environ.items() if name != "STPIPE_WORKER"}
        one = subprocess.Popen(
            [sys.executable, str(path)], stdout=pipe, stderr=pipe, text=True, start_new_session=True, env=environment,
            cwd=tmp_path,
        )  # fmt: skip
        started.append(one)
        return one

    yield start
    for one in started:
        if one.poll() is None:
            one.kill()
            one.communicate()


def members(session):
    """Processes of a session that run."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                values = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(values[3]) == session and values[0] != "Z":
            found.append(int(name))
    return found


def ends(session, seconds=15.0):
    """Whether nothing of a session is left, within a time."""
    end = time.monotonic() + seconds
    while members(session) and time.monotonic() < end:
        time.sleep(0.05)
    return not members(session)


def windows():
    return {name for name in os.listdir("/dev/shm") if name.startswith("psm_")}


def test_no_guard_is_needed(script):
    one = script("until_shared()\nprint('done')\n")
    out, err = one.communicate(timeout=60)
    assert (one.returncode, out.split(), err) == (0, ["script", "done"], "")
    assert ends(one.pid)


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_a_script_that_starts_its_own_processes_without_a_guard_is_told_what_to_write(script, start):
    body = f"""
import multiprocessing
work()
context = multiprocessing.get_context("{start}")
process = context.Process(target=work)
process.start()
process.join()
print("exit code", process.exitcode)
"""
    out, err = script(body).communicate(timeout=60)
    assert out.count("script") == 2  # here, and once in the process that was told
    assert "exit code 1" in out
    assert 'if __name__ == "__main__":' in err
    assert "RuntimeError: maximum_cores" in err


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_of_a_pool_use_one_core(script, start):
    body = f"""
import logging, multiprocessing


def one(number):
    work()
    work()
    return number


if __name__ == "__main__":
    until_shared()
    with multiprocessing.get_context("{start}").Pool(2) as pool:
        print(pool.map(one, range(4)))
"""
    one = script(body)
    out, err = one.communicate(timeout=60)
    assert one.returncode == 0, err
    assert "[0, 1, 2, 3]" in out
    assert 1 <= err.count("may not start others") <= 2  # once in each process
    assert ends(one.pid)


def test_a_killed_script_leaves_nothing(script):
    before = windows()
    one = script("print(until_shared(), flush=True)\nwork(seconds=0.2)\n")
    assert one.stdout.readline() == "script\n"
    assert one.stdout.readline().startswith("[")
    time.sleep(0.1)
    one.kill()
    _, err = one.communicate(timeout=60)
    assert ends(one.pid)
    assert windows() <= before
    assert "leaked" not in err


def test_an_interrupted_script_leaves_nothing(script):
    before = windows()
    one = script("print(until_shared(), flush=True)\nwork(seconds=0.2)\n")
    assert one.stdout.readline() == "script\n"
    assert one.stdout.readline().startswith("[")
    time.sleep(0.1)
    os.killpg(one.pid, signal.SIGINT)  # as a terminal does
    _, err = one.communicate(timeout=60)
    assert one.returncode == -signal.SIGINT
    assert err.count("Traceback") == 1
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert ends(one.pid)
    assert windows() <= before


def test_an_error_leaves_nothing(script):
    before = windows()
    one = script("until_shared()\nwork(functions.fail)\n")
    _, err = one.communicate(timeout=60)
    assert one.returncode == 1
    assert "ValueError: no good" in err
    assert "leaked" not in err
    assert ends(one.pid)
    assert windows() <= before


def test_idle_workers_end(script):
    body = """
import stpipe.parallel_worker
until_shared()
from stpipe.parallel_crew import crew
(pid,) = crew.pids
os.kill(pid, 0)
end = time.monotonic() + 30
while time.monotonic() < end and os.path.exists(f"/proc/{pid}"):
    time.sleep(0.05)
print(os.path.exists(f"/proc/{pid}"))
until_shared()
print(crew.pids != [pid])
"""
    one = script('os.environ["STPIPE_ROWS_IDLE"] = "0.3"\n' + body)
    out, err = one.communicate(timeout=60)
    assert (out.split(), err) == (["script", "False", "True"], "")
