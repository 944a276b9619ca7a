"""Forests in a checked ONNX graph, brought into the form that the compiled walk takes."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mlreg_dagster.models.scorers.walk import LANES, NEVER_EXCEEDED, Forest, is_too_large, not_above, ordered, packed
from mlreg_dagster.serving.scoring.graphs import producers

Integers = NDArray[np.int64]


def walkable(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes of trees whose rows are rounded to 32 bits, as the walk compares them."""
    made = producers(graph)
    return [node for node in graph.node if node.op_type == "TreeEnsemble" and _is_single(made, node.input[0])]


def flattened(node: onnx.NodeProto) -> Forest | None:
    """The trees of a checked node; None where there are more nodes than the walk can number.

    In the graph inner nodes and leaves are numbered by themselves, and a leaf may be shared. Here each child has a
    place of its own, beside its sibling: the roots come first, then the pair of children of each inner node.
    """
    values = {each.name: _values(each) for each in node.attribute}
    splits, features, roots = values["nodes_splits"], values["nodes_featureids"], values["tree_roots"]
    inner, trees = len(splits), len(roots)
    places = trees + 2 * inner
    empty = -trees % LANES
    bits = int(features.max()).bit_length()
    if is_too_large(places + empty, bits):
        return None
    pair = trees + 2 * np.arange(inner)
    at = np.empty(inner, dtype=np.int64)
    at[roots] = np.arange(trees)
    nodes = packed(
        np.full(places + empty, NEVER_EXCEEDED), np.arange(places + empty, dtype=np.uint64), bits
    )  # every place begins as a leaf, its own left child
    lengths = np.zeros(places + empty)
    for offset, side in enumerate(("true", "false")):
        child, is_leaf = values[f"nodes_{side}nodeids"], values[f"nodes_{side}leafs"] == 1
        at[child[~is_leaf]] = pair[~is_leaf] + offset
        lengths[pair[is_leaf] + offset] = values["leaf_weights"][child[is_leaf]]
    thresholds = ordered(not_above(splits)).astype(np.uint64)
    nodes[at] = packed(thresholds, pair.astype(np.uint64), bits) | features.astype(np.uint64)
    return Forest(
        nodes,
        np.uint64(bits),
        lengths,
        np.concatenate([np.arange(trees), np.arange(places, places + empty)]).astype(np.uint64),
        np.array([*_depths(values), *[0] * empty], dtype=np.uint64).reshape(-1, LANES).max(axis=1),
        float("nan"),  # which the graph knows, not the trees
    )


def _depths(values: dict[str, NDArray[np.float64]]) -> Integers:
    """The turns of the longest path of each tree."""
    at, tree = values["tree_roots"], np.arange(len(values["tree_roots"]))
    depths, turns = np.zeros(len(at), dtype=np.int64), 0
    while len(at):
        turns += 1
        depths[tree] = turns
        sides = [(values[f"nodes_{side}nodeids"][at], values[f"nodes_{side}leafs"][at] == 1) for side in _SIDES]
        tree = np.concatenate([tree[~is_leaf] for _, is_leaf in sides])
        at = np.concatenate([child[~is_leaf] for child, is_leaf in sides])
    return depths


_SIDES = ("true", "false")


def _is_single(made: dict[str, onnx.NodeProto], name: str) -> bool:
    """Whether a value was rounded to 32 bits and widened again."""
    widened = made.get(name)
    rounded = made.get(widened.input[0]) if widened is not None else None
    return (
        widened is not None
        and rounded is not None
        and (_cast_to(widened), _cast_to(rounded)) == (TensorProto.DOUBLE, TensorProto.FLOAT)
    )


def _cast_to(node: onnx.NodeProto) -> int | None:
    return int(node.attribute[0].i) if node.op_type == "Cast" else None


def _values(attribute: onnx.AttributeProto) -> NDArray[np.float64]:
    value = helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)
