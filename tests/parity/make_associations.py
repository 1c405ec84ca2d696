"""Make associations.json with the released pipeline: ``peer python make_associations.py`` in this folder.

Each case holds what was given, and what the released pipeline made of it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import tempfile
import warnings

import yaml

from jwst.associations import Association, AssociationRegistry, load_asn
from jwst.associations.asn_from_list import asn_from_list
from jwst.associations.lib import rules_level2b, rules_level3
from jwst.associations.lib.rules_level2_base import DMSLevel2bBase
from jwst.associations.lib.update_path import update_path
from jwst.associations.load_as_asn import LoadAsAssociation, LoadAsLevel2Asn

CAL = ["jw1_cal.fits", "jw2_cal.fits"]
RATE = ["jw1_rate.fits", "jw2_rate.fits"]
PAIRS = [["jw1_rate.fits", "science"], ["jw2_rate.fits", "background"]]
PSF = [["a_cal.fits", "science"], ["b_cal.fits", "psf"]]

LISTS = {
    "level 3": (CAL, "DMS_Level3_Base", {"product_name": "mosaic"}),
    "level 3 without a name": (CAL, "DMS_Level3_Base", {}),
    "level 3 pairs": (PAIRS, "DMS_Level3_Base", {"product_name": "foo", "with_exptype": True}),
    "level 3 name with a folder": (CAL, "DMS_Level3_Base", {"product_name": "out/Foo_i2d.fits"}),
    "level 3 member with a folder": (["in/a_cal.fits"], "DMS_Level3_Base", {"product_name": "foo"}),
    "level 3 empty": ([], "DMS_Level3_Base", {"product_name": "foo"}),
    "level 3 other keywords": (
        CAL,
        "DMS_Level3_Base",
        {
            "product_name": "foo",
            "format_product": "x{product_name}",
            "asn_id": "o001",
            "program": "12345",
            "meta": {"program": "99999"},
            "acid": "o012",
            "version_id": "v1",
        },
    ),
    "level 2": (RATE, "DMSLevel2bBase", {}),
    "level 2 pairs": ([PAIRS[0]], "DMSLevel2bBase", {"with_exptype": True}),
    "level 2 pairs without types": (
        [["a_rate.fits", None], ["b_rate.fits", ""]],
        "DMSLevel2bBase",
        {"with_exptype": True},
    ),
    "level 2 product name": (RATE, "DMSLevel2bBase", {"product_name": "foo"}),
    "level 2 meta": (RATE, "DMSLevel2bBase", {"meta": {"program": "12345", "foo": 1}}),
    "level 2 observation": (RATE, "DMSLevel2bBase", {"acid": "o012"}),
    "level 2 background without one": (RATE, "DMSLevel2bBase", {"acid": "c1001"}),
    "level 2 bad candidate": (RATE, "DMSLevel2bBase", {"acid": "x1"}),
    "level 2 names": (["in/x_rate.fits", "y.fits", "z_foo.fits", "noext", "u-cal.fits"], "DMSLevel2bBase", {}),
}


def data_of(asn):
    plain = json.loads(json.dumps(asn.data, default=dict))
    plain.pop("code_version", None)
    return plain


def described(make):
    """What a call gives, or its error."""
    try:
        asn = make()
        result = {"data": data_of(asn)}
        if isinstance(asn, Association) and hasattr(asn, "validity"):
            result |= {"validity": {name: test["validated"] for name, test in asn.validity.items()}}
            result |= {"is_valid": asn.is_valid, "acid": [asn.acid.id, asn.acid.type] if asn.acid else None}
            with contextlib.suppress(TypeError):  # the release has no name for a level-2 association from a file
                result["name"] = re.sub(r"_\d{5}_asn", "_NNNNN_asn", asn.asn_name)
        if hasattr(asn, "filename"):
            result["filename"] = os.path.basename(asn.filename)
    except Exception as error:
        return {"error": type(error).__name__}
    try:
        result["dump"] = re.sub(r"_\d{5}_asn", "_NNNNN_asn", asn.dump()[0])
        if result["data"]["asn_rule"] in ("DMS_Level3_Base", "DMSLevel2bBase"):
            result["text"] = asn.dump()[1]
    except Exception as error:
        result["dump_error"] = type(error).__name__
    return result


def rule_named(name):
    for module in (rules_level2b, rules_level3):
        if hasattr(module, name):
            return getattr(module, name)
    return DMSLevel2bBase


def lists():
    cases = dict(LISTS)
    for name in sorted(AssociationRegistry()):
        level2 = "Lv3" not in name
        cases[f"rule {name}"] = (RATE if level2 else CAL, name, {"product_name": None if level2 else "Foo"})
        cases[f"rule {name} with psf"] = (
            PSF[:1] if level2 else PSF,
            name,
            {"product_name": "foo", "with_exptype": True},
        )
    found = {}
    for name, (items, rule, kwargs) in cases.items():
        given = [tuple(item) if isinstance(item, list) else item for item in items]
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        found[name] = {
            "items": items,
            "rule": rule,
            "kwargs": kwargs,
            "result": described(lambda: asn_from_list(given, rule=rule_named(rule), **kwargs)),  # noqa: B023
        }
    return found


def documents(good):
    """Texts of files by name."""

    def changed(change):
        tree = json.loads(json.dumps(good))
        change(tree, tree["products"][0])
        return json.dumps(tree)

    text = json.dumps(good)
    return {
        "good.json": text,
        "good.txt": text,
        "good.yaml": yaml.dump(good),
        "good.yml": yaml.dump(good),
        "comma.json": text[:-1] + ",}",
        "bad.json": '{"a": [1, 2',
        "noproducts.json": '{"asn_id": "o1"}',
        "noexpname.json": changed(lambda tree, product: product["members"][0].pop("expname")),
        "noexptype.json": changed(lambda tree, product: product["members"][0].pop("exptype")),
        "nomembers.json": changed(lambda tree, product: product.pop("members")),
        "noname.json": changed(lambda tree, product: product.pop("name")),
        "norule.json": changed(lambda tree, product: tree.pop("asn_rule")),
        "otherrule.json": changed(lambda tree, product: tree.update(asn_rule="candidate_Asn_Lv2Image")),
        "unknownrule.json": changed(lambda tree, product: tree.update(asn_rule="Nope")),
        "number.json": changed(lambda tree, product: tree.update(program=12345)),
        "null.json": changed(lambda tree, product: tree.update(asn_rule=None)),
        "extra.json": changed(lambda tree, product: product["members"][0].update(group_id=3, exposerr=None, x=[1])),
        "folder.json": changed(lambda tree, product: product["members"][0].update(expname="sub/x_cal.fits")),
        "minimal.json": json.dumps({"products": good["products"]}),
    }


def loaded(path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with open(path) as file:
                result = {"tree": load_asn(file)}
        except Exception as error:
            result = {"error": type(error).__name__}
    kinds = {one.category.__name__ for one in caught} - {"ResourceWarning"}
    return {**result, "warnings": sorted(kinds)}


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    store = {"lists": lists(), "registry": sorted(AssociationRegistry())}
    asn = asn_from_list(["in/a_cal.fits"], product_name="x")
    update_path(asn, "foo")
    store["update_path"] = json.loads(asn.dump()[1])["products"]
    same = asn_from_list(["a_cal.fits"], product_name="f_g")
    pairs = [(["a_cal.fits"], "f_g"), (["a_rate.fits"], "f_g"), (["b_cal.fits"], "f_g"), (["a_cal.fits"], "f"),
             (["a_cal.fits", "a_cal.fits"], "f_g"), (["a_cal.fits"], "g_f")]  # fmt: skip
    store["equal"] = [[items, name, same == asn_from_list(items, product_name=name)] for items, name in pairs]
    good = json.loads(asn_from_list(CAL, product_name="foo").dump()[1])
    store["yaml"] = asn_from_list(CAL, product_name="foo").dump("yaml")[1]
    with tempfile.TemporaryDirectory() as folder:
        store["files"] = {}
        for name, text in documents(good).items():
            path = os.path.join(folder, name)
            with open(path, "w") as file:
                file.write(text)
            store["files"][name] = {"text": text, **loaded(path)}
        path = os.path.join(folder, "good.json")
        givens = {"file": path, "fits": "in/x_rate.fits", "names": RATE, "asdf": "x_rate.asdf"}
        store["level2"] = {name: described(lambda: LoadAsLevel2Asn.load(given)) for name, given in givens.items()}  # noqa: B023
        store["level3"] = {name: described(lambda: LoadAsAssociation.load(given)) for name, given in givens.items()}  # noqa: B023
    with open("associations.json", "w") as file:
        json.dump(store, file)
        file.write("\n")


if __name__ == "__main__":
    main()
