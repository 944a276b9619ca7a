"""extensions.yaml: which modules register extensions."""

from typing import Annotated

from pydantic import Field

from mlreg_dagster.config.section import Section


class ExtensionSettings(Section):
    """extensions.yaml: modules that register detectors, sources, features, gates and notifiers."""

    modules: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")], ...] = Field(
        (), description="Importable modules; installed plug-ins with an entry point need no mention."
    )
