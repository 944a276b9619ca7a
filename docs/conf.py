"""Sphinx builds the documentation from here: `make docs`, or `sphinx-build -n -W --keep-going docs build/docs`."""

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "mlreg-dagster"
release = metadata.version("mlreg-dagster")
author = "the maintainers"
project_copyright = "licensed under Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated"]
exclude_patterns = ["_ext"]
html_theme = "furo"
html_title = f"mlreg-dagster {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
smartquotes = False

myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
default_role = "code"  # docstrings put code into single backticks
nitpicky = True
nitpick_ignore_regex = [  # other projects' objects: their inventories would need the network
    (r"py:.*", r"(collections|contextlib|dagster|datetime|numpy|np|os|pandas|pathlib|pd|pydantic|typing)\..*"),
    (r"py:class", r"(Path|optional|datetime|Any|Mapping|Sequence|Iterable|Iterator|Callable)"),
]
