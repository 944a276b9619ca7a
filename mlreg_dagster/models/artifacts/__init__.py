"""Model files: writing, reading, and checks before use. What scores a loaded model is in `detectors` and `scorers`."""
