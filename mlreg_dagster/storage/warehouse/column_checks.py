"""Checks on values of columns that tables of several rooms share."""

from mlreg_dagster.storage.warehouse.tables import Check

NOT_EMPTY = Check(lambda s: s.str.len() > 0, error="must not be empty")
FINITE = Check(lambda s: s.abs() < float("inf"), error="must be finite")
FINITE_POSITIVE = Check(lambda s: (s > 0) & (s < float("inf")), error="must be finite and greater than 0")
FINITE_NOT_NEGATIVE = Check(lambda s: (s >= 0) & (s < float("inf")), error="must be finite and not negative")
FINITE_CHANGE = Check(lambda s: (s >= -100) & (s < float("inf")), error="must be finite and at least -100 %")
