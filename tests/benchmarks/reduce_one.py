"""Reduce one exposure and say what it took. Runs under this project and under the released pipeline alike.

``python reduce_one.py PIPELINE_OR_STEP EXPOSURE OUTPUT_DIR [REPEATS [PARAMETERS]]`` prints one line of JSON: seconds of
the import, seconds of each call, peak memory of the process in MiB. PARAMETERS is JSON: keywords of the call.
"""

import json
import logging
import resource
import sys
import time


def peak_memory():
    """Peak resident memory of this program in MiB; ``ru_maxrss`` would count that of its parent as well."""
    try:
        with open("/proc/self/status") as status:
            kibibytes = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(kibibytes) / 1024


def main():
    """Import, call, report."""
    sys.tracebacklimit = 0  # no source of the released pipeline in messages
    name, exposure, output_dir, *rest = sys.argv[1:]
    repeats, parameters = int(rest[0]) if rest else 1, json.loads(rest[1]) if rest[1:] else {}
    start = time.perf_counter()
    if name.endswith("Pipeline"):
        import jwst.pipeline as home
    else:
        import jwst.step as home

    pipeline = getattr(home, name)
    imported = time.perf_counter() - start
    calls = []
    for _ in range(repeats):
        start = time.perf_counter()
        pipeline.call(exposure, **{"output_dir": output_dir, "save_results": True, **parameters})
        calls.append(time.perf_counter() - start)
    memory = peak_memory()
    logging.shutdown()
    print(json.dumps({"import": imported, "calls": calls, "memory": memory}))


if __name__ == "__main__":
    main()
