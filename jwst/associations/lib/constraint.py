"""The language of constraints on pools; needs the generator, which is not part of this release."""

from __future__ import annotations

from jwst.associations.not_built import missing

__all__ = ["AttrConstraint", "Constraint", "ConstraintTrue", "SimpleConstraint"]

SimpleConstraint = missing("SimpleConstraint", __name__)
AttrConstraint = missing("AttrConstraint", __name__)
Constraint = missing("Constraint", __name__)
ConstraintTrue = missing("ConstraintTrue", __name__)
