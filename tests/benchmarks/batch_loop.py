"""Reduce many exposures with ``.call``, in a loop or in a pool. Runs under this project and under the released one.

``python batch_loop.py JOBS OUTPUT_DIR FILE...``: with one job a plain loop, else a ``multiprocessing.Pool``.
"""

import multiprocessing
import sys


def reduce(path, output_dir):
    """Reduce one exposure."""
    from jwst.pipeline import Detector1Pipeline

    Detector1Pipeline.call(path, output_dir=output_dir, save_results=True)


def main():
    """Reduce all."""
    jobs, output_dir, *paths = sys.argv[1:]
    if jobs == "1":
        for path in paths:
            reduce(path, output_dir)
        return
    with multiprocessing.Pool(int(jobs)) as pool:
        pool.starmap(reduce, [(path, output_dir) for path in paths], chunksize=1)


if __name__ == "__main__":
    main()
