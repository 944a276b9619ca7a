"""Values of the official chart: sound by themselves, fitting what kustomize builds, and an instance that Dagster loads.

The chart is not part of this repository. Where MLREG_DAGSTER_CHART names it, it is rendered, too.
"""

import re
from typing import Any

import dagster as dg
import kubernetes
import kubernetes_validate
import pytest
import yaml
from dagster._config import process_config
from dagster._core.instance.ref import InstanceRef
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import construct_dagster_k8s_job
from dagster_k8s.launcher import K8sRunLauncher

from mlreg_dagster.config import load_settings
from mlreg_dagster_tests.deploy.chart import FOLDER, deployment, rendered, values
from mlreg_dagster_tests.deploy.manifests import quantity
from mlreg_dagster_tests.deploy.test_kubernetes import KUBECTL, PAGES, VERSIONS, manifests
from mlreg_dagster_tests.repository import PROJECT_DIR

VALUES = values()
LAUNCHER = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
INSTANCE = yaml.safe_load((FOLDER / "dagster.yaml").read_text(encoding="utf-8"))
ROLES = (VALUES["dagsterWebserver"], VALUES["dagsterDaemon"], deployment(VALUES))
TICKING = ("sensors", "schedules")
REQUIRED = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001}


@pytest.fixture
def launcher(tmp_path, monkeypatch) -> K8sRunLauncher:
    """That of the instance, as Dagster makes it; only a pod finds the cluster that it is in."""
    (tmp_path / "dagster.yaml").write_text((FOLDER / "dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(kubernetes.config, "load_incluster_config", lambda: None)
    return InstanceRef.from_dir(str(tmp_path)).run_launcher


def test_dagster_loads_the_instance_and_takes_every_setting(launcher, tmp_path, monkeypatch):
    assert isinstance(launcher, K8sRunLauncher)
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "of-the-secret")
    ref = InstanceRef.from_dir(str(tmp_path))
    for data in (ref.run_storage_data, ref.event_storage_data, ref.schedule_storage_data):
        config = process_config(_class(data).config_type(), data.config_dict)
        assert config.success, config.errors
        assert config.value["postgres_db"]["scheme"] == "postgresql+psycopg2"
        assert config.value["postgres_db"]["password"] == "of-the-secret"
    assert ref.settings["run_retries"]["max_retries"] == 2
    assert ref.settings["concurrency"]["runs"]["max_concurrent_runs"] == 8


def _class(data: Any) -> Any:
    module = __import__(data.module_name, fromlist=[data.class_name])
    return getattr(module, data.class_name)


def test_dagster_refuses_an_instance_with_a_setting_that_there_is_not(tmp_path):
    text = (FOLDER / "dagster.yaml").read_text(encoding="utf-8").replace("max_retries:", "most_retries:")
    (tmp_path / "dagster.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(dg.DagsterInvalidConfigError, match="most_retries"):
        InstanceRef.from_dir(str(tmp_path))


def test_the_instance_is_that_of_the_values():
    database, postgresql = INSTANCE["run_storage"]["config"]["postgres_db"], VALUES["postgresql"]
    assert database["scheme"] == postgresql["postgresqlScheme"] == "postgresql+psycopg2"
    assert (database["hostname"], database["username"], database["db_name"]) == tuple(
        postgresql[f"postgresql{part}"] for part in ("Host", "Username", "Database")
    )
    assert INSTANCE["run_storage"]["config"] == INSTANCE["event_log_storage"]["config"]
    ours, named = INSTANCE["run_launcher"]["config"], lambda key: [each["name"] for each in LAUNCHER[key]]
    assert (ours["env_config_maps"], ours["env_secrets"]) == (named("envConfigMaps"), named("envSecrets"))
    for key, other in (("volumes", "volumes"), ("volume_mounts", "volumeMounts"), ("env_vars", "envVars")):
        assert ours[key] == LAUNCHER[other]
    assert (ours["labels"], ours["resources"]) == (LAUNCHER["labels"], LAUNCHER["resources"])
    assert ours["security_context"] == LAUNCHER["securityContext"]
    assert ours["run_k8s_config"]["pod_spec_config"] == LAUNCHER["runK8sConfig"]["podSpecConfig"]
    assert ours["run_k8s_config"]["job_spec_config"] == LAUNCHER["runK8sConfig"]["jobSpecConfig"]
    limits, monitoring = INSTANCE["concurrency"], VALUES["dagsterDaemon"]["runMonitoring"]
    assert limits["runs"]["max_concurrent_runs"] == VALUES["concurrency"]["runs"]["maxConcurrentRuns"]
    assert limits["pools"]["default_limit"] == VALUES["concurrency"]["pools"]["defaultLimit"]
    for ours, theirs in (("run_monitoring", monitoring), *((each, VALUES["dagsterDaemon"][each]) for each in TICKING)):
        assert INSTANCE[ours] == {re.sub(r"([A-Z])", r"_\1", key).lower(): value for key, value in theirs.items()}
    assert INSTANCE["run_retries"] == VALUES["additionalInstanceConfig"]["run_retries"]


def pod_of_run(launcher: K8sRunLauncher, tags: dict[str, str]) -> Any:
    """The job that the launcher sends to the cluster for a run."""
    run = dg.DagsterRun("retrain", tags=tags)
    context = K8sContainerContext.create_for_run(run, launcher, include_run_tags=True)
    config = context.get_k8s_job_config("registry.example.com/mlreg-dagster:0.1.0", launcher)
    job = construct_dagster_k8s_job(config, ["dagster"], "run", user_defined_k8s_config=context.run_k8s_config)
    return kubernetes.client.ApiClient().sanitize_for_serialization(job)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_is_a_pod_without_rights_that_knows_all_places(launcher, version):
    job = pod_of_run(launcher, {})
    kubernetes_validate.validate(job, version, strict=True)
    template = job["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert REQUIRED.items() <= template["spec"]["securityContext"].items()
    assert container["securityContext"] == LAUNCHER["securityContext"]
    assert container["resources"] == LAUNCHER["resources"]
    assert LAUNCHER["labels"].items() <= template["metadata"]["labels"].items()
    sources = {each[kind]["name"] for each in container["envFrom"] for kind in each}
    assert sources == {"mlreg-places", "mlreg-graph", "mlreg-objects", "mlreg-source"}
    assert len({each["mountPath"] for each in container["volumeMounts"]}) == len(container["volumeMounts"])


def test_a_training_gets_the_node_that_automation_yaml_names(launcher):
    settings = load_settings(PROJECT_DIR / "deploy" / "kubernetes" / "hosts" / "configs")
    job = dg.define_asset_job("retrain", tags=settings.automation.run_tags["retrain"])
    (container,) = pod_of_run(launcher, dict(job.tags))["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "8", "memory": "16Gi"}


def test_every_role_runs_without_rights_and_with_limits():
    for role in ROLES:
        assert REQUIRED.items() <= role["podSecurityContext"].items()
        assert role["securityContext"]["readOnlyRootFilesystem"] is True
        assert role["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert role["image"]["tag"] != "latest"
        assert {each["name"] for each in role["volumes"]} == {each["name"] for each in role["volumeMounts"]}
    for resources in (
        *(role["resources"] for role in ROLES),
        values("staging.yaml")["runLauncher"]["config"]["k8sRunLauncher"]["resources"],
    ):
        for kind in ("cpu", "memory"):
            assert quantity(resources["requests"][kind]) <= quantity(resources["limits"][kind])


def test_code_location_and_runs_know_the_same_places():
    code = deployment(VALUES)
    assert (code["envConfigMaps"], code["envSecrets"]) == (LAUNCHER["envConfigMaps"], LAUNCHER["envSecrets"])
    assert [each for each in code["volumes"] if each["name"] != "instance"] == LAUNCHER["volumes"]


def test_no_secret_stands_in_a_file():
    for file in FOLDER.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.search(
            r"://[^/\s]*:[^/\s]*@|(?i:(password|secret_access_key)\w*: +\"?[^\s\"{&*]+\w)",
            re.sub(r".*(?:SecretName|PasswordSecret|password_secret).*", "", text),
        ), file.name


@pytest.mark.skipif(KUBECTL is None, reason="kubectl, which builds the overlays, is not here")
def test_what_the_values_name_is_made_beside_the_chart():
    beside, code = manifests("hosts"), deployment(VALUES)
    claims = {each["persistentVolumeClaim"]["claimName"] for each in code["volumes"] if "persistentVolumeClaim" in each}
    assert claims <= beside.named("PersistentVolumeClaim")
    maps = {each["configMap"]["name"] for each in code["volumes"] if "configMap" in each}
    maps |= {each["name"] for each in code["envConfigMaps"]}
    assert maps - {"mlreg-instance"} <= beside.named("ConfigMap")  # which is the chart's own
    page = PAGES[1].read_text(encoding="utf-8")
    secrets = {each["name"] for each in code["envSecrets"]} | {VALUES["global"]["postgresqlSecretName"]}
    assert not [name for name in secrets if f"secret generic {name}" not in page]
    account = VALUES["serviceAccount"]["name"]
    assert account == INSTANCE["run_launcher"]["config"]["service_account_name"]
    assert account not in beside.named("ServiceAccount")  # Helm takes over nothing that kustomize made
    (pages,) = beside.pods({"matchLabels": {"app.kubernetes.io/name": "mlreg-pages"}})
    web = VALUES["dagsterWebserver"]
    assert f"http://mlreg-{web['nameOverride']}:{web['service']['port']}" in pages["containers"][0]["args"]
    (server,) = beside.pods({"matchLabels": {"app.kubernetes.io/name": "mlreg-server"}})
    image = VALUES["dagsterWebserver"]["image"]
    assert server["containers"][0]["image"] == f"{image['repository']}:{image['tag']}"


@pytest.mark.parametrize("names", [(), ("staging.yaml",)], ids=["values", "staging"])
def test_the_chart_makes_of_the_values_what_a_cluster_takes(names):
    objects = rendered(*names)
    if isinstance(objects, str):
        pytest.skip(objects)
    assert len([each for each in objects if each["kind"] == "Deployment"]) == 3
    assert "Secret" not in {each["kind"] for each in objects}
    for each in objects:
        for version in VERSIONS:
            kubernetes_validate.validate(each, version)
    (made,) = [each for each in objects if each["kind"] == "ConfigMap" and each["metadata"]["name"] == "mlreg-instance"]
    if not names:
        assert yaml.safe_load(made["data"]["dagster.yaml"]) == INSTANCE
