"""What a request asks for, whichever protocol it came by; how it is read stands in the modules of the protocols."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Asked:
    """A request whose form is right: what to score, and how the answer is to look.

    Attributes:
        X: Rows by the model's features, in the model's order; NaN is unknown. None where only instruments are named.
        instruments: The instrument of each row; None where the request names none.
        hours: The market hour of each row as an hour key (`2017-12-20-00:00`); None where the request names none.
        request_id: As the client calls the request; never ours.
        outputs: Names of what is to be answered, in this order; None: everything but reasons.
        binary: Those outputs that are to be sent as bytes behind the JSON.
        reasons: Whether the reasons of each score are asked for.
    """

    X: NDArray[np.float64] | None = None
    instruments: tuple[str, ...] | None = None
    hours: tuple[str, ...] | None = None
    request_id: str | None = None
    outputs: tuple[str, ...] | None = None
    binary: frozenset[str] = frozenset()
    reasons: bool = False

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.X) if self.X is not None else len(self.instruments or ())
