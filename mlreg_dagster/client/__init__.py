"""The public API for programs and notebooks that ask a home: versions, champions, models, outcomes.

It only reads, and does not import Dagster. What runs the lifecycle is `definitions.build_definitions` and the command
line. `mlreg_dagster` itself exports these names, and `OnlineClient` of `client.online`, which asks a server.
"""

from mlreg_dagster.client.client import Client, NoHome
from mlreg_dagster.client.model import LoadedModel, load_model

__all__ = ["Client", "LoadedModel", "NoHome", "load_model"]
