"""Constraints of the mission's rules; they need the generator, which is not part of this release."""

from __future__ import annotations

from jwst.associations.not_built import missing

__all__ = [
    "Constraint_NotBkgd",
    "Constraint_NotBkgdOrTSO",
    "Constraint_NotTSO",
    "Constraint_TSO",
    "Constraint_TargetAcq",
    "Constraint_WFSC",
    "DMSAttrConstraint",
]

DMSAttrConstraint = missing("DMSAttrConstraint", __name__)
Constraint_TargetAcq = missing("Constraint_TargetAcq", __name__)
Constraint_TSO = missing("Constraint_TSO", __name__)
Constraint_NotTSO = missing("Constraint_NotTSO", __name__)
Constraint_NotBkgd = missing("Constraint_NotBkgd", __name__)
Constraint_NotBkgdOrTSO = missing("Constraint_NotBkgdOrTSO", __name__)
Constraint_WFSC = missing("Constraint_WFSC", __name__)
