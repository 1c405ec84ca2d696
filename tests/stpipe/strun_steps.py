"""Steps that ``strun`` runs in a process of its own; they print what they got."""

from __future__ import annotations

import json
import logging
import time
from typing import Any, ClassVar

from stpipe import Param, Pipeline, Step
from stpipe.exceptions import StpipeExitException

__all__ = ["Both", "Clash", "Failing", "Letter", "Needy", "Show"]

log = logging.getLogger(__name__)


class Show(Step):
    """Show what it got."""

    class_alias = "show"
    output_ext = Param(".fits", "Extension")
    factor = Param(2.0, "Factor to multiply by", ge=0, unit="DN")
    label = Param(None, "A text", type=str)
    title = Param("none", "A text with a default")
    names = Param(["z"], "Some names", type=list[str])
    fast = Param(False, "Be fast")
    rounds = Param(None, "Number of rounds", type=int)
    count = Param(1, "A number that is always there")

    def process(self, *args: Any) -> None:
        log.debug("detail")
        log.warning("watch out")
        own = [name for name in self.declared_parameters() if name not in Step.declared_parameters()]
        values = {name: getattr(self, name) for name in own}
        print(json.dumps([self.name, values, args, self.output_dir, self.save_results]))


class Letter(Show):
    """Has parameters that are called like options of strun."""

    v = Param(0, "A letter")
    quiet = Param(0, "Its own")


class Both(Pipeline):
    """Show twice."""

    output_ext = Param(".fits", "Extension")
    step_defs: ClassVar = {"first": Show, "second": Show}

    def process(self, *args: Any) -> None:
        self.first.run(*args)
        self.second.run(*args)


class Failing(Step):
    """Fail in the way that the input says."""

    output_ext = Param(".fits", "Extension")

    def process(self, word: str) -> None:
        if word == "sleep":
            print("ready", flush=True)
            time.sleep(20)
        raise {"exit": StpipeExitException(64, "no data on detector"), "bug": KeyError("a bug")}[word]


class Clash(Step):
    """Has a parameter that is called like an old option of strun."""

    output_ext = Param(".fits", "Extension")
    verbose = Param(1, "A number")


class Needy(Step):
    """Use a reference."""

    output_ext = Param(".fits", "Extension")
    reference_file_types: ClassVar = ["gain"]

    @classmethod
    def _get_crds_parameters(cls, dataset: Any) -> tuple[dict[str, Any], str]:
        return {"meta.instrument.name": "NIRCAM"}, "jwst"

    def process(self, *args: Any) -> None:
        self.get_reference_file(Model(), "gain")


class Model:
    """Data model by protocol."""

    crds_observatory = "jwst"

    def get_crds_parameters(self) -> dict[str, Any]:
        return {"meta.instrument.name": "NIRCAM"}

    def save(self, path: str) -> None:
        raise OSError(path)
