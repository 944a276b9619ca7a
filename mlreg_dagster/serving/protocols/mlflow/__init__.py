"""MLflow's protocol of scoring servers: `/invocations` with a data frame.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/ describes it.
"""

from mlreg_dagster.serving.protocols.mlflow.reading import read
from mlreg_dagster.serving.protocols.mlflow.writing import write

__all__ = ["read", "write"]
