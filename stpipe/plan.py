"""`Plan`: several steps on many exposures, prepared first and executed then (running.md §3).

::

    plan = Plan(Inventory(["a_uncal.fits", "b_uncal.fits"]), save_results=True)
    rates = plan.add("calwebb_detector1")
    print(plan.preview())
    runner = plan.execute(workers=4, executor="processes")
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import ParameterError, PlanError
from stpipe.plan_entries import PlanEntry, PlanResults, entry_of, names_of, warn_of_same_products
from stpipe.plan_links import Link, settle
from stpipe.plan_steps import Place
from stpipe.policy import Policy
from stpipe.product_state import StateReader
from stpipe.step_result import StepResult

if TYPE_CHECKING:
    from stpipe.events import Callback
    from stpipe.inventory import Inventory
    from stpipe.plan_preview import Preview
    from stpipe.run_loop import RunEntry
    from stpipe.run_request import RunRequest
    from stpipe.runner import Runner

__all__ = ["Plan", "StepResult"]
_Targets = str | Iterable[Any] | Callable[[Any], Any] | None


class Plan:
    """Steps on exposures: `add` prepares, `execute` runs.

    Parameters
    ----------
    inventory : Inventory, list or path
        The exposures.
    policy : Policy, optional
        Rules for every entry, below those given to `add`.
    **parameters
        For every entry that has such a parameter, below those given to `add`.

    Attributes
    ----------
    inventory : Inventory
        The exposures.

    Raises
    ------
    TypeError
        ``policy`` is no Policy.
    """

    def __init__(self, inventory: Any, *, policy: Policy | None = None, **parameters: Any) -> None:
        from stpipe.inventory import Inventory

        self.inventory: Inventory = inventory if isinstance(inventory, Inventory) else Inventory(inventory)
        self.policy = _checked(policy) or Policy()
        self.callbacks: list[Callback] = []
        self._parameters = parameters
        self._entries: list[PlanEntry] = []
        self._added: list[tuple[Any, dict[str, Any]]] = []
        self._taken = False
        self._telling = False
        self._told: dict[int, set[tuple[str, str]]] = {}
        self._products: dict[str, tuple[PlanEntry, str]] = {}
        self._lock = threading.Lock()

    def add(
        self,
        what: Any,
        *,
        name: str | None = None,
        targets: _Targets = None,
        policy: Policy | None = None,
        **parameters: Any,
    ) -> PlanResults:
        """Add an entry and prepare it for every readable exposure; nothing is executed or written.

        Parameters
        ----------
        what : Step class or instance, str, function or Recipe
            A text is an alias, the dotted path of a class or function, or the path of a recipe. A function gets the
            latest result of the exposure; None as its result keeps that.
        name : str, optional
            Label in events and tables; the alias or name of ``what`` by default. It never changes file names.
        targets : str, iterable or callable, optional
            Exposures or their names, the name of a group, or ``f(exposure) -> bool``; all by default.
        policy : Policy, optional
            Rules, over those of the plan.
        **parameters
            Parameters of the step, ``steps``, ``config_file``; keywords of the function; ``context`` of a recipe.

        Returns
        -------
        PlanResults
            Exposure, or its name, to `StepResult`.

        Raises
        ------
        ParameterError, StepNotFoundError, TypeError
            The step cannot be made so.
        ExposureNotFoundError
            ``targets`` names one that is not in the inventory.
        PlanError
            No exposure is readable, or the plan has been executed.
        """
        self._refuse_change()
        rules = (_checked(policy) or Policy()).over(self.policy)
        entry = entry_of(what, name, rules, names_of(self.inventory, targets), parameters, self._parameters)
        exposures = self._open(entry.door)
        try:
            self._prepare(entry, [one for one in exposures if entry.names is None or one.name in entry.names])
        except BaseException:
            self._settle()  # as if it had not been tried
            raise
        warn_of_same_products(entry, self._products)
        self._entries.append(entry)
        given = {"name": name, "targets": targets, "policy": policy, **parameters}
        self._added.append((what, given))
        return _results_of(entry, exposures)

    def _prepare(self, entry: PlanEntry, exposures: Iterable[Any]) -> None:
        """Prepare an entry for exposures, and decide anew what has to be done."""
        from stpipe.references import reference_session

        states = StateReader(enabled=_remembers())
        with reference_session() as session:
            for exposure in exposures:
                chain = self._chain(exposure.name)
                place = Place(exposure, chain[-1] if chain else None)
                link = entry.prepare(place, session)
                if entry.policy.run_once and entry.links:
                    link.hand_on(place.input, place.input_key, "run once, for the first target only")
                link.origin = chain[0].origin if chain else place.input_key
                entry.links[exposure.name] = link
                settle([*chain, link], states)

    def _chain(self, name: str) -> list[Link]:
        return [entry.links[name] for entry in self._entries if name in entry.links]

    def open_all(self) -> list[Any]:
        """Read the header of every exposure; those that cannot be read take no part.

        The callbacks that the plan has are told at once, with None as the run; a run tells the others.

        Returns
        -------
        list of Exposure
            Those that are readable.

        Raises
        ------
        PlanError
            None is.
        """
        self._telling = True
        try:
            return self._open(None)
        finally:
            self._telling = False

    def _open(self, door: Any) -> list[Any]:
        return self.inventory.open_all(self._tell, door=door)

    def _tell(self, name: str, exposure: Any, error: Any = None) -> None:
        """Take an event of the inventory: for callbacks to know at once, else for the run, if there is one."""
        if not self._telling:
            from stpipe.events import describe_exception, emit

            if name == "target_open_error" and self._taken:
                emit(name, target=exposure.name, event_data={"exception": describe_exception(error)})
            return
        arguments = (exposure,) if error is None else (exposure, error)
        for callback in self.callbacks:
            self._told.setdefault(id(callback), set()).add((name, exposure.name))
            getattr(callback, name)(None, *arguments)

    def add_callback(self, callback: Callback) -> Callback:
        """Have a `Callback` told of what happens; return it.

        Raises
        ------
        TypeError
            It is no Callback.
        """
        from stpipe.events import Callback

        if not isinstance(callback, Callback):
            raise TypeError(f"{callback!r} is no stpipe.Callback; give a function as execute(event_handler=…)")
        self.callbacks.append(callback)
        return callback

    def subscribers(self) -> list[Callback]:
        """Return the callbacks for a run; what they have been told already they are not told again."""
        if not self._told:
            return list(self.callbacks)
        from stpipe.plan_callbacks import told_before

        return [told_before(one, frozenset(self._told.get(id(one), ()))) for one in self.callbacks]

    def preview(self) -> Preview:
        """Return what `execute` would do as a table: target, entry, whether it will change, references, outputs.

        Raises
        ------
        ParameterError
            A parameter of the plan belongs to none of its entries.
        """
        from stpipe.plan_preview import preview_of

        self._check_parameters()
        return preview_of(self.inventory, self._entries)

    def execute(self, **keywords: Any) -> Runner:
        """Run the entries in order, each on all its exposures.

        Parameters
        ----------
        **keywords
            As `stpipe.run`: ``executor``, ``workers``, ``timeout``, ``callbacks``, ``artifacts_dir``, …

        Returns
        -------
        Runner
            With final status; exposures that fail do not raise.

        Raises
        ------
        PlanError
            The plan has been executed.
        ParameterError
            A parameter of the plan belongs to none of its entries.
        TypeError, ValueError, FileExistsError
            As `stpipe.run`.
        """
        from stpipe.run_request import make_request
        from stpipe.runner import Runner

        self._check_parameters()
        if self._taken:
            raise PlanError("plan already executed; use plan.copy()")
        return Runner(make_request(self, None, keywords))._execute()

    def run_entries(self, request: RunRequest) -> tuple[list[RunEntry], list[Any]]:
        """Return entries and targets for a run; the plan cannot be used again afterwards.

        Raises
        ------
        PlanError
            It has been executed.
        ParameterError
            Inputs or parameters of steps were given, which belong to the plan and its entries.
        """
        if request.inputs is not None or request.keywords:
            raise ParameterError("a plan has its inputs and parameters; give them to Plan(…) and plan.add(…)")
        self._check_parameters()
        with self._lock:
            if self._taken:
                raise PlanError("plan already executed; use plan.copy()")
            self._taken = True
        if request.policy is not None:
            for entry in self._entries:
                entry.policy = entry.policy.over(request.policy)
        self._settle()
        return [entry.run_entry() for entry in self._entries], list(self.inventory)

    def _settle(self) -> None:
        """Look again which products are there; what was made of an exposure that has changed meanwhile is not."""
        states = StateReader(enabled=_remembers())
        for exposure in self.inventory:
            chain = self._chain(exposure.name)
            if chain and chain[0].origin != Place(exposure).input_key:
                chain[0].since = None
            settle(chain, states)

    def copy(self) -> Plan:
        """Return a plan of the same entries on the same exposures, prepared anew, with fresh results."""
        other = Plan(self.inventory, policy=self.policy, **self._parameters)
        other.callbacks = list(self.callbacks)
        for what, given in self._added:
            other.add(what, **given)
        return other

    @property
    def results(self) -> list[PlanResults]:
        """What `add` has returned for each entry."""
        return [_results_of(entry, self.inventory) for entry in self._entries]

    def _refuse_change(self) -> None:
        if self._taken:
            raise PlanError("nothing can be added to a plan that is executed; use plan.copy()")

    def _check_parameters(self) -> None:
        """Refuse parameters of the plan that belong to no entry."""
        known = frozenset().union(*(entry.parameters() for entry in self._entries))
        unknown = [name for name in self._parameters if name not in known]
        if unknown and self._entries:
            from stpipe.parameters import near_hint

            lines = (f"'{name}'{near_hint(name, known)}" for name in unknown)
            raise ParameterError(f"no entry of the plan has a parameter {', '.join(lines)}")

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return (entry.label for entry in self._entries)

    def __repr__(self) -> str:
        state = ", executed" if self._taken else ""
        return f"<Plan: {', '.join(self) or 'no entries'}; {len(self.inventory)} exposures{state}>"

    def _repr_html_(self) -> str:
        return self.preview()._repr_html_()


def _results_of(entry: PlanEntry, exposures: Iterable[Any]) -> PlanResults:
    """Return the results of an entry; while somebody holds them, they are kept."""
    pairs = [(one, entry.links[one.name].result) for one in exposures if one.name in entry.links]
    held = PlanResults(entry.label, pairs)
    for _, result in pairs:
        result.kept_by(held)
    return held


def _checked(policy: Any) -> Policy | None:
    if policy is not None and not isinstance(policy, Policy):
        raise TypeError(f"policy has to be a Policy, not {policy!r}")
    return policy


def _remembers() -> bool:
    from stpipe import settings

    return settings.state
