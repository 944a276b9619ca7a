"""Parts of a checked ONNX graph as sessions of their own: from the values that they are given to those asked for."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mlreg_dagster.models.scorers.graph_builder import FEATURES, SCORE
from mlreg_dagster.models.scorers.onnx_scorer import open_session

Matrix = NDArray[np.float64]


class Part:
    """A part of a graph, ready to run on one thread.

    Args:
        model: A checked graph.
        given: Names of the values that it is run with; those that it does not need are left out.
        asked: Names of the values that it gives.
    """

    def __init__(self, model: onnx.ModelProto, given: Sequence[str], asked: Sequence[str]) -> None:
        nodes, needed = _way(model.graph, given, asked)
        self._given = [name for name in given if name in needed]
        self._asked = list(asked)
        graph = helper.make_graph(
            nodes,
            "part",
            [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["rows", None]) for name in self._given],
            [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in asked],
            [each for each in model.graph.initializer if each.name in needed],
        )
        whole = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
        self._session = open_session(whole.SerializeToString())

    def run(self, values: dict[str, Matrix]) -> list[Matrix]:
        """The values that are asked for, from at least those that are needed."""
        found: list[Matrix] = self._session.run(self._asked, {name: values[name] for name in self._given})
        return found


def exponent(model: onnx.ModelProto) -> str | None:
    """The value to whose power 2 is raised for the score, as in a forest; None where the score is something else.

    NumPy raises it: ONNX Runtime rounds the power differently on some processors.
    """
    made = producers(model.graph)
    node = made[SCORE]
    while node.op_type == "Identity":
        node = made[node.input[0]]
    if node.op_type != "Pow":
        return None
    base = [numpy_helper.to_array(each) for each in model.graph.initializer if each.name == node.input[0]]
    return str(node.input[1]) if base and base[0].shape == () and base[0] == 2.0 else None


def producers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """The node that makes each value."""
    return {name: node for node in graph.node for name in node.output}


def _way(graph: onnx.GraphProto, given: Iterable[str], asked: Iterable[str]) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes between the values that are given and those asked for, and the names of all values on the way."""
    needed, known, nodes = set(asked), set(given), []
    for node in reversed(graph.node):  # a node follows those whose values it takes
        if needed.intersection(node.output) - known:
            nodes.append(node)
            needed.update(_inputs(node))
    return nodes[::-1], needed


def _inputs(node: onnx.NodeProto) -> Iterator[str]:
    """What a node takes, also from within its own graphs."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _inputs(inner)


__all__ = ["FEATURES", "SCORE", "Matrix", "Part", "exponent", "producers"]
