"""Flags for charge that spilled to neighbours."""

from __future__ import annotations

__all__ = ["ChargeMigrationStep"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from jwst.charge_migration.charge_migration_step import ChargeMigrationStep

        return ChargeMigrationStep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
