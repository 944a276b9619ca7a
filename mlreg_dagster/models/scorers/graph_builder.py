"""Nodes and constants of an ONNX graph, added one after the other. Which graphs there are is not known here."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from mlreg_dagster.core.errors import MlregError

FEATURES, SCORE, IS_ANOMALY = "features", "score", "is_anomaly"
"""What every graph takes and gives."""

OPERATORS = {"": 21, "ai.onnx.ml": 5}
"""The two operator sets of every graph, and their versions."""

SUM, NO_TRANSFORM, AT_MOST = 1, 0, 0
"""Codes of TreeEnsemble."""


class NotPortable(MlregError):
    """A model of which there is no graph that labels alike."""


class Graph:
    """Nodes and constants, in the order in which they are added; a value goes by the name that is returned for it."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: Any) -> str:
        """Add numbers in 64 bit."""
        return self._keep(np.asarray(value, dtype=np.float64))

    def integers(self, value: list[int]) -> str:
        """Add whole numbers: axes and counts."""
        return self._keep(np.asarray(value, dtype=np.int64))

    def _keep(self, values: NDArray[Any]) -> str:
        name = f"{self.prefix}constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def node(self, operator: str, *inputs: str, name: str = "", domain: str = "", **attributes: Any) -> str:
        """Add an operator, under a name of its own unless it is given one."""
        name = name or f"{self.prefix}{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], domain=domain, **attributes))
        return name

    def nearest(self, distances: str, count: int) -> tuple[str, str]:
        """The smallest distances, in their order, and where they stand."""
        names = f"{self.prefix}nearest{len(self.nodes)}", f"{self.prefix}places{len(self.nodes)}"
        self.nodes.append(helper.make_node("TopK", [distances, self.integers([count])], names, largest=0))
        return names
