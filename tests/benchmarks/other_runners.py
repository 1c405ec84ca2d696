"""Overheads of pyinfra and ansible-runner, as JSON; run by `runner_overheads.py` with the Python that has them."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time

OPERATIONS = 300


def pyinfra_costs() -> dict[str, float]:
    """Seconds to prepare and to execute one no-op on the local host."""
    from pyinfra.api import Config, Inventory, State
    from pyinfra.api.connect import connect_all
    from pyinfra.api.operation import add_op
    from pyinfra.api.operations import run_ops
    from pyinfra.operations import python

    def noop(*args, **kwargs):
        return None

    state = State(Inventory((["@local"], {})), Config())
    connect_all(state)
    add_op(state, python.call, function=noop)
    started = time.perf_counter()
    for _ in range(OPERATIONS):
        add_op(state, python.call, function=noop)
    prepared = time.perf_counter()
    run_ops(state)
    done = time.perf_counter()
    return {"prepare": (prepared - started) / OPERATIONS, "execute": (done - prepared) / (OPERATIONS + 1)}


def ansible_runner_costs() -> dict[str, float]:
    """Seconds until ``run_async`` of a command that ends at once gives back the handle."""
    import ansible_runner

    times = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            thread, _ = ansible_runner.interface.run_command_async("/bin/true", private_data_dir=folder, quiet=True)
            times.append(time.perf_counter() - started)
            thread.join()
    return {"run_async": statistics.median(times)}


def main() -> None:
    """Print what could be measured."""
    found = {}
    for measure in (pyinfra_costs, ansible_runner_costs):
        try:
            found.update(measure())
        except Exception as error:  # the table tells what is missing
            print(f"{measure.__name__}: {type(error).__name__}: {error}", file=sys.stderr)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
