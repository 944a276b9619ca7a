"""Where the files of a model are in the store, for those that read one without loading its pipelines."""

MODELS = "models"
"""The kind of bundle."""

MANIFEST, GRAPH = "manifest.json", "model.onnx"
"""How a version was made, and its portable graph, which some versions don't have."""
