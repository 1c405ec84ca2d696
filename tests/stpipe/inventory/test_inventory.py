"""Statements of the specification: inventories (spec running.md I1-I4, I6)."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stpipe import Exposure, Inventory
from stpipe.exceptions import ExposureNotFoundError, GroupNotFoundError, InputError, PlanError, RunError


def names(inventory):
    return [one.name for one in inventory]


def listener(inventory):
    """What ``open_all`` tells, as (event, name, error text)."""
    told = []

    def tell(event, exposure, *error):
        told.append((event, exposure.name, *map(str, error)))

    return told, tell


def test_i1_paths_data_and_groups(workdir):
    inventory = Inventory((["a.fits", "b.fits"], {"x": 1}), background=(["b.fits"], {"y": 2}), empty=[])
    assert names(inventory) == ["a.fits", "b.fits"]
    assert [one.groups for one in inventory] == [(), ("background",)]
    assert inventory.groups == ("background", "empty")
    assert dict(inventory.get("b.fits").data) == {"x": 1, "y": 2}
    assert names(Inventory(["a.fits"])) == names(Inventory((["a.fits"],))) == names(Inventory("a.fits")) == ["a.fits"]
    assert names(Inventory(("a.fits", "b.fits"))) == ["a.fits", "b.fits"]
    assert names(Inventory(f"{i}.fits" for i in range(2))) == ["0.fits", "1.fits"]


def test_i1_globs_are_expanded_in_sorted_order(workdir):
    for name in ("c_uncal.fits", "a_uncal.fits", "b_rate.fits", "deep/er/z_uncal.fits"):
        (workdir / name).parent.mkdir(parents=True, exist_ok=True)
        (workdir / name).touch()
    assert names(Inventory(["*_uncal.fits", "b_rate.fits"])) == ["a_uncal.fits", "c_uncal.fits", "b_rate.fits"]
    assert names(Inventory.from_glob("**/*_uncal.fits")) == ["a_uncal.fits", "c_uncal.fits", "z_uncal.fits"]
    assert names(Inventory.from_glob(workdir / "?_rate.fits")) == ["b_rate.fits"]
    assert names(Inventory((["*.fits"], {}), raw=["*_uncal.fits"]).get_group("raw")) == ["a_uncal.fits", "c_uncal.fits"]


def test_i1_a_file_whose_name_looks_like_a_glob_is_that_file(workdir):
    (workdir / "a[1].fits").touch()
    assert names(Inventory(["a[1].fits"])) == ["a[1].fits"]


@pytest.mark.parametrize("make", [Inventory.from_glob, lambda pattern: Inventory([pattern])])
def test_i1_a_glob_without_a_match_is_an_error(workdir, make):
    with pytest.raises(InputError, match=r"no file matches raw/\*_uncal\.fits \(looked in .*raw\)"):
        make("raw/*_uncal.fits")
    assert issubclass(InputError, ValueError)


def test_i1_models_and_pairs(workdir, fakes):
    model, nameless, other = fakes.FakeModel("m.fits"), fakes.FakeModel(), fakes.FakeModel()
    inventory = Inventory([model, ("a.fits", {"k": 1}), nameless, other, model], group=[(model, {"z": 3})])
    assert names(inventory) == ["m.fits", "a.fits", "input", "input_1"]
    assert inventory.get("m.fits").source is model
    assert inventory.get("m.fits").path is None
    assert inventory.get("m.fits").open() is model
    assert (inventory.get("a.fits").data.k, inventory.get("m.fits").data.z) == (1, 3)


@pytest.mark.parametrize("item", [1, None, {"a": 1}, ["a.fits"], b"a.fits", "", object(), {"a.fits"}])
def test_i1_what_is_no_exposure(workdir, item):
    with pytest.raises(TypeError, match="exposure is a|text with something"):
        Inventory([item])


def test_i1_wrong_arguments(workdir):
    with pytest.raises(TypeError, match="not as a mapping"):
        Inventory({"a.fits": {}})
    with pytest.raises(TypeError, match="texts as keys"):
        Inventory((["a.fits"], {1: 2}))
    with pytest.raises(ValueError, match="stands for all"):
        Inventory(["a.fits"], all=["a.fits"])


def test_i1_group_items_are_names_or_paths_or_new(workdir):
    (workdir / "raw").mkdir()
    (workdir / "raw/a.fits").touch()
    inventory = Inventory(["raw/a.fits", "raw/b.fits"], g=["a.fits", "raw/b.fits", "c.fits"], h=["*/a.fits"])
    assert names(inventory) == ["a.fits", "b.fits", "c.fits"]
    assert names(inventory.get_group("g")) == ["a.fits", "b.fits", "c.fits"]
    assert names(inventory.get_group("h")) == ["a.fits"]
    (workdir / "b.fits").touch()  # now the text is a file of its own
    assert names(Inventory(["raw/b.fits"], g=["b.fits"])) == ["raw/b.fits", f"{workdir.name}/b.fits"]


def test_i2_order_length_membership(workdir):
    inventory = Inventory(["c.fits", "a.fits", "b.fits"])
    assert names(inventory) == ["c.fits", "a.fits", "b.fits"] == list(inventory.names)
    assert len(inventory) == 3
    assert "a.fits" in inventory
    assert inventory.get("a.fits") in inventory
    assert Inventory(["a.fits"]).get("a.fits") in inventory
    assert Inventory(["elsewhere/a.fits"]).get("a.fits") not in inventory
    assert "d.fits" not in inventory
    assert 1 not in inventory
    assert inventory.get(inventory.get("a.fits")).name == "a.fits"


def test_i2_unknown_exposure_and_group(workdir):
    inventory = Inventory(["jw01_uncal.fits"], background=["jw01_uncal.fits"])
    with pytest.raises(ExposureNotFoundError, match=r"^no such exposure: jw02_uncal.fits \(did you mean jw01_uncal"):
        inventory.get("jw02_uncal.fits")
    with pytest.raises(ExposureNotFoundError, match="^no such exposure: qqq$"):
        inventory.get("qqq")
    with pytest.raises(GroupNotFoundError, match=r"no such group: backgrond \(did you mean background"):
        inventory.get_group("backgrond")
    assert issubclass(ExposureNotFoundError, RunError)
    assert names(inventory.get_group("all")) == ["jw01_uncal.fits"]


def test_i2_subset_keeps_groups_and_data(workdir):
    inventory = Inventory((["a.fits", "b.fits", "c.fits"], {"x": 1}), g=(["c.fits", "a.fits"], {"y": 2}), h=["b.fits"])
    wanted = inventory.get("c.fits")
    for chosen in (["c.fits", "a.fits"], [wanted, "a.fits"], lambda one: "g" in one.groups):
        subset = inventory.subset(chosen)
        assert names(subset) == ["a.fits", "c.fits"]
        assert subset.groups == ("g", "h")
        assert [names(subset.get_group(name)) for name in "gh"] == [["a.fits", "c.fits"], []]
        assert dict(subset.get("c.fits").data) == {"x": 1, "y": 2}
        assert subset.get("c.fits") == wanted
    assert names(inventory.subset("b.fits")) == ["b.fits"]
    assert len(inventory.subset([])) == 0
    with pytest.raises(ExposureNotFoundError, match="no such exposure: d.fits"):
        inventory.subset(["d.fits"])


def test_i2_a_subset_starts_afresh(workdir, make_exposure):
    inventory = Inventory([make_exposure("a.fits"), "none.fits"])
    inventory.open_all(listener(inventory)[1])
    inventory.get("a.fits").current = "later.fits"
    subset = inventory.subset(["a.fits", "none.fits"])
    assert [one.readable for one in subset] == [True, True]
    assert subset.get("a.fits").current == subset.get("a.fits").source
    assert not inventory.get("none.fits").readable
    assert subset.get("a.fits").header is inventory.get("a.fits").header


def test_i3_the_same_file_is_one_exposure(workdir):
    (workdir / "a.fits").touch()
    (workdir / "link.fits").symlink_to("a.fits")
    given = ["a.fits", "./a.fits", workdir / "a.fits", ("a.fits", {"k": 1}), "link.fits", "*.fits"]
    inventory = Inventory(given)
    assert names(inventory) == ["a.fits"]
    assert inventory.get("a.fits").data.k == 1


def test_i3_files_of_one_name_are_told_apart_by_folder(workdir):
    assert names(Inventory(["n1/a.fits", "n2/a.fits", "n1/b.fits"])) == ["n1/a.fits", "n2/a.fits", "b.fits"]
    deep = Inventory(["x/n/a.fits", "y/n/a.fits", "x/m/a.fits"])
    assert names(deep) == ["x/n/a.fits", "y/n/a.fits", "x/m/a.fits"]
    assert deep.get("y/n/a.fits").path == str(workdir / "y/n/a.fits")


def test_i3_names_of_models_are_numbered(workdir, fakes):
    inventory = Inventory([fakes.FakeModel("a.fits"), fakes.FakeModel("a.fits"), "n/a.fits"])
    assert names(inventory) == ["a.fits", "a_1.fits", "n/a.fits"]
    assert names(Inventory(["s3://bucket/x/a.fits", "s3://bucket/y/a.fits"])) == ["x/a.fits", "y/a.fits"]


FOLDERS = st.lists(st.sampled_from(["n1", "n2", "x"]), max_size=3).map("/".join)
FILES = st.tuples(FOLDERS, st.sampled_from(["a.fits", "b.fits"])).map(lambda parts: "/".join(filter(None, parts)))


@given(st.lists(FILES, max_size=12))
def test_i3_every_file_has_one_name_of_its_own(paths):
    inventory = Inventory(paths)
    assert [one.source for one in inventory] == list(dict.fromkeys(paths))
    assert len(set(inventory.names)) == len(inventory)
    assert all(f"/{one.path}".endswith(f"/{one.name}") for one in inventory)
    alone = [path for path in inventory.names if "/" not in path]
    bases = [one.path.rpartition("/")[2] for one in inventory]
    assert alone == [name for name in bases if bases.count(name) == 1]


def test_i4_precedence_of_data(workdir):
    everything = (["a.fits", ("b.fits", {"own": "b", "k": "own"})], {"k": "all", "x": "all"})
    inventory = Inventory(everything, g=(["b.fits"], {"k": "g", "y": "g"}), h=(["b.fits"], {"y": "h"}))
    assert dict(inventory.get("a.fits").data) == {"k": "all", "x": "all"}
    data = inventory.get("b.fits").data
    assert dict(data) == {"k": "own", "x": "all", "y": "h", "own": "b"}
    swapped = Inventory(everything, h=(["b.fits"], {"y": "h"}), g=(["b.fits"], {"k": "g", "y": "g"}))
    assert swapped.get("b.fits").data.y == "g"


def test_i6_open_all_tells_and_returns_the_readable(workdir, make_exposure):
    make_exposure("a.fits")
    (workdir / "bad.fits").write_bytes(b"SIMPLE" + b" " * 4000)
    inventory = Inventory(["a.fits", "bad.fits", "none.fits"])
    told, tell = listener(inventory)
    assert names(inventory.open_all(tell)) == ["a.fits"]
    assert [event[:2] for event in told] == [
        ("target_before_open", "a.fits"),
        ("target_open", "a.fits"),
        ("target_before_open", "bad.fits"),
        ("target_open_error", "bad.fits"),
        ("target_before_open", "none.fits"),
        ("target_open_error", "none.fits"),
    ]
    assert "bad.fits is truncated" in told[3][2]
    assert inventory.get("none.fits").error.startswith("FileNotFoundError")
    assert names(inventory.unreadable) == ["bad.fits", "none.fits"]


def test_i6_events_come_once(workdir, make_exposure):
    inventory = Inventory([make_exposure("a.fits"), "none.fits"])
    told, tell = listener(inventory)
    first = inventory.open_all(tell)
    assert inventory.open_all(tell) == first
    assert len(told) == 4


def test_i6_no_exposure_left(workdir):
    told, tell = listener(None)
    with pytest.raises(PlanError, match=r"(?s)^no exposures remaining\na.fits: FileNotFoundError.*\nb.fits: File"):
        Inventory(["a.fits", "b.fits"]).open_all(tell)
    assert len(told) == 4
    with pytest.raises(PlanError, match="no exposures remaining: the inventory is empty"):
        Inventory([]).open_all(tell)


def test_i6_headers_are_read_in_the_way_of_a_step_class(workdir, fakes):
    (workdir / "a.fits").write_text("")  # what the fake mission takes for an exposure
    inventory = Inventory(["a.fits"])
    assert names(inventory.open_all(lambda *told: None, door=fakes.FakeStep)) == ["a.fits"]
    assert dict(inventory.get("a.fits").header) == {"META.INSTRUMENT.NAME": "FAKE"}
    assert isinstance(inventory.get("a.fits").open(), fakes.FakeModel)
    named = Inventory(["a.fits"]).opened_by(fakes.FakeStep)
    assert named.get("a.fits").header["META.INSTRUMENT.NAME"] == "FAKE"


def test_shown_as_text_and_html(workdir):
    inventory = Inventory((["<a>.fits"], {"x": "1"}), g=["<a>.fits"])
    assert repr(inventory) == "<Inventory of 1 exposures, g: 1>"
    page = inventory._repr_html_()
    assert "&lt;a&gt;.fits" in page
    assert "<a>" not in page
    assert "x=&#x27;1&#x27;" in page


def test_pickled_inventory(workdir, make_exposure):
    inventory = Inventory([make_exposure("a.fits"), "none.fits"], g=["a.fits"])
    inventory.open_all(lambda *told: None)
    copy = pickle.loads(pickle.dumps(inventory))
    assert list(copy) == list(inventory)
    assert copy.get("none.fits").error == inventory.get("none.fits").error
    assert copy.get("a.fits").header == inventory.get("a.fits").header
    assert json.loads(copy.get("a.fits").to_json())["groups"] == ["g"]


def test_ten_thousand_paths_are_quick(workdir):
    import time

    start = time.perf_counter()
    inventory = Inventory([f"night{i % 7}/jw{i // 7:05d}_uncal.fits" for i in range(10_000)])
    assert time.perf_counter() - start < 5
    assert len(set(inventory.names)) == 10_000


def test_names_are_exported_lazily():
    import subprocess
    import sys

    code = (
        "import sys, stpipe; assert not {'stpipe.inventory', 'stpipe.facts', 'stpipe.exposure'} & set(sys.modules); "
        "from stpipe import Exposure, ExposureNotFoundError, Fact, Inventory, PlanError, StepNotFoundError, get_facts; "
        "import stpipe.inventory; assert stpipe.inventory.Exposure is Exposure; assert Fact.__module__ and get_facts; "
        "assert (PlanError.exit_status, ExposureNotFoundError.exit_status) == (2, 1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert Exposure("a", "a.fits").name == "a"
