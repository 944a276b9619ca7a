"""Scoring without scikit-learn: the compiled walk through a forest, and the ONNX graph."""
