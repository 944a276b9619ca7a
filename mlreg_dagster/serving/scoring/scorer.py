"""Scores rows by the graph of a version: few by ONNX Runtime, many rows of a forest by the compiled walk."""

import json
from dataclasses import dataclass

import numpy as np

from mlreg_dagster.core.untrusted.text import one_line
from mlreg_dagster.models.scorers.onnx_scorer import checked, refused
from mlreg_dagster.models.scorers.walk import Forest, total_lengths
from mlreg_dagster.serving.scoring.forests import flattened, walkable
from mlreg_dagster.serving.scoring.graphs import FEATURES, SCORE, Matrix, Part, exponent


@dataclass(frozen=True)
class Walk:
    """A graph whose trees are walked by compiled code.

    Attributes:
        before: Gives the rows as each forest sees them.
        rows: Their names.
        forests: By the name of the lengths that each gives.
        after: Takes these lengths.
    """

    before: Part
    rows: list[str]
    forests: dict[str, Forest]
    after: Part


@dataclass(frozen=True)
class Scorer:
    """A graph that is ready to score; several threads may use it at once, and it holds no lock of the interpreter.

    Attributes:
        whole: The whole graph, but for a last power.
        walk: The same with compiled trees; None where there are none to be walked.
        walk_from_rows: Rows from which it is walked.
        is_power: Whether 2 is raised to what the graph gives.
    """

    whole: Part
    walk: Walk | None
    walk_from_rows: int
    is_power: bool

    def score(self, X: Matrix) -> Matrix:
        """The score of each row; NaN stands for a null."""
        if not len(X):  # `Scan` refuses no rows
            return np.empty(0)
        X = np.ascontiguousarray(X, dtype=np.float64)
        if self.walk is None or len(X) < self.walk_from_rows:
            (scores,) = self.whole.run({FEATURES: X})
        else:
            points = self.walk.before.run({FEATURES: X})
            lengths = {
                name: total_lengths(forest, rows)[:, np.newaxis]
                for (name, forest), rows in zip(self.walk.forests.items(), points, strict=True)
            }
            (scores,) = self.walk.after.run({FEATURES: X, **lengths})
        return np.asarray(2.0**scores if self.is_power else scores)


def open_scorer(content: bytes, version: str, features: tuple[str, ...], walk_from_rows: int) -> Scorer:
    """Look at an ONNX file and make it ready; it has scored, and its loops are compiled, when this returns.

    Args:
        content: The file's bytes, whose hash the registry vouches for.
        version: Whose it is, for messages.
        features: Of the version, in their order.
        walk_from_rows: Rows from which a forest is walked.

    Raises:
        UntrustedGraph: It is no graph of a model, holds what no such graph needs, or is one of other features.
    """
    model = checked(content, version)
    with refused(version):
        named = {each.key: each.value for each in model.metadata_props}.get("features", "null")
        if json.loads(named) != list(features):
            raise ValueError(f"it takes the features {one_line(named, 200)}, not those of the manifest")
        power = exponent(model)
        asked = power or SCORE
        forests = {str(node.output[0]): (str(node.input[0]), flattened(node)) for node in walkable(model.graph)}
        found = {name: forest for name, (_, forest) in forests.items() if forest is not None}
        walk = None
        if found and len(found) == len(forests):
            rows = [name for name, _ in forests.values()]
            walk = Walk(Part(model, [FEATURES], rows), rows, found, Part(model, [FEATURES, *found], [asked]))
        scorer = Scorer(Part(model, [FEATURES], [asked]), walk, walk_from_rows, power is not None)
        for count in {1, walk_from_rows}:
            scores = scorer.score(np.full((count, len(features)), np.nan))
            if scores.shape != (count,):
                raise ValueError(f"it gives {scores.shape} scores for {count} rows")
    return scorer
