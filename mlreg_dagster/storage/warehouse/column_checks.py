"""Checks on values of columns that tables of several rooms share."""

import pandera.pandas as pa

NOT_EMPTY = pa.Check(lambda s: s.str.len() > 0, error="must not be empty")
FINITE = pa.Check(lambda s: s.abs() < float("inf"), error="must be finite")
FINITE_POSITIVE = pa.Check(lambda s: (s > 0) & (s < float("inf")), error="must be finite and greater than 0")
FINITE_NOT_NEGATIVE = pa.Check(lambda s: (s >= 0) & (s < float("inf")), error="must be finite and not negative")
FINITE_CHANGE = pa.Check(lambda s: (s >= -100) & (s < float("inf")), error="must be finite and at least -100 %")
