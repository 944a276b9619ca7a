"""What every world reads again and always finds the same is read once a process."""

import copy
import functools
from collections.abc import Iterator

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from mlreg_dagster.config import plain_yaml


@pytest.fixture(autouse=True, scope="session")
def read_once() -> Iterator[None]:
    """Texts of configuration files, and the ninety migrations that Dagster looks through for each new database."""
    values, scripts = functools.cache(plain_yaml.parse), ScriptDirectory.from_config

    @functools.cache
    def scripts_in(config: Config, _location: str | None) -> ScriptDirectory:
        return scripts(config)

    def scripts_of(config: Config) -> ScriptDirectory:
        return scripts_in(config, config.get_main_option("script_location"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_yaml, "parse", lambda text: copy.deepcopy(values(text)))
        patch.setattr(ScriptDirectory, "from_config", scripts_of)
        yield
