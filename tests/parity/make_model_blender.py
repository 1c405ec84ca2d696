"""Make model_blender.json with the released pipeline: ``peer python make_model_blender.py`` in this folder."""

from __future__ import annotations

import json
import os
import sys
import warnings

sys.tracebacklimit = 0

import numpy as np  # noqa: E402
from blender_cases import CASES, make_inputs, metadata, table_columns  # noqa: E402
from stdatamodels.jwst import datamodels  # noqa: E402

from jwst.model_blender import (  # noqa: E402
    ModelBlender,
    blendmodels,
    rules,  # noqa: E402
)


def plain(value):
    """What JSON can hold."""
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value


def outcome(function):
    """Result of a call, or the name of its error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return plain(function())
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]


def main():
    store = {}
    for name in CASES:
        inputs, ignore, product = make_inputs(name)
        blendmodels(product, inputs, ignore=ignore)
        memory = table_columns(product.hdrtab)
        product.save("/tmp/pipe_blend.fits")
        with datamodels.open("/tmp/pipe_blend.fits") as again:
            stored = table_columns(again.hdrtab)
        product.meta.date = None
        store[name] = {"meta": metadata(product), "table": memory, "stored": stored}
        print(name, len(memory), memory == stored)
        print([a[:2] + b[1:2] for a, b in zip(memory, stored) if a != b])
    print(sorted(rules.RULE_FUNCTIONS))
    rows = {rule: outcome(rules.make_blender(rule).finalize) for rule in rules.RULE_FUNCTIONS}
    print("empty", rows)
    empty = datamodels.ImageModel((2, 2))
    print("nothing", outcome(lambda: ModelBlender().finalize_model(empty)))
    os.remove("/tmp/pipe_blend.fits")
    with open("model_blender.json", "w") as file:
        json.dump(store, file, default=plain)


if __name__ == "__main__":
    main()
