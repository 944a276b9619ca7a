"""Where the repository lies that the tests belong to, whether the package is installed from it or from a wheel."""

from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parents[1]
