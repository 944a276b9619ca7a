"""MLflow's protocol of scoring servers: `/invocations` with a data frame, `/ping`, `/version`.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/ describes it.
"""
