"""YAML is data only and cannot crash the process."""

from __future__ import annotations

import pytest
import yaml

from stpipe.inventory import Inventory
from stpipe.recipe import load_recipe
from stpipe.safe_yaml import MOST_LEVELS, load_yaml

DEEP = {
    "brackets": "[" * 60_000,
    "closed brackets": "a: " + "[" * 1000 + "]" * 1000,
    "braces": "{a: " * 60_000,
    "dashes": "- " * 60_000 + "a",
    "indentation": "\n".join(f"{' ' * level}a:" for level in range(2000)),
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_a_text_that_is_nested_too_deeply_is_an_error(text, tmp_path):
    with pytest.raises(yaml.YAMLError, match=f"more than {MOST_LEVELS} levels"):
        load_yaml(text)
    path = tmp_path / "deep.yaml"
    path.write_text(text)
    with pytest.raises(Exception, match="levels deep"):
        Inventory.load(path)
    with pytest.raises(Exception, match="levels deep"):
        load_recipe(str(path))


def test_ordinary_texts_are_read():
    wide = ", ".join("[1, {a: b}]" for _ in range(500))
    assert load_yaml(f"a: [{wide}]\nb: {'x: ' * 3}y".replace("b: x: x: x: y", "b: y"))["b"] == "y"
    assert load_yaml("[" * 150 + "]" * 150) is not None
    assert load_yaml(b"a: \xc3\xa9") == {"a": "é"}


def test_no_tag_makes_an_object():
    with pytest.raises(yaml.YAMLError, match="could not determine a constructor"):
        load_yaml("!!python/object/apply:os.system ['true']")
