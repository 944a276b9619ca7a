"""The manifests: valid by the schema, and sound by what a schema can't see; each check is seen to find its error."""

import copy
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml

from mlreg_dagster.config import load_settings
from mlreg_dagster_tests.deploy.chart import chart_pods
from mlreg_dagster_tests.deploy.manifests import Manifests, quantity
from mlreg_dagster_tests.repository import PROJECT_DIR

FOLDER = PROJECT_DIR / "deploy" / "kubernetes"
PAGES = [PROJECT_DIR / "docs" / page for page in ("serving/deploying.md", "how-to/kubernetes.md")]
KUBECTL = shutil.which("kubectl")
OVERLAYS = ("staging", "production")
ALL = (*OVERLAYS, "hosts")
VERSIONS = ("1.31", "1.37")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl, which builds the overlays, is not here")


@cache
def manifests(overlay: str) -> Manifests:
    answer = subprocess.run([KUBECTL, "kustomize", str(FOLDER / overlay)], capture_output=True, text=True, check=True)
    documented = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    return Manifests(list(yaml.safe_load_all(answer.stdout)), documented, chart_pods() if overlay == "hosts" else ())


def one(objects: list[Any], kind: str, name: str) -> Any:
    (found,) = (each for each in objects if each["kind"] == kind and each["metadata"]["name"].startswith(name))
    return found


def pod(objects: list[Any], name: str = "mlreg-server") -> Any:
    return one(objects, "Deployment", name)["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", ALL)
def test_every_object_is_valid_by_the_schema(overlay, version):
    objects = manifests(overlay).objects
    assert len(objects) > 15
    for each in objects:
        kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("overlay", ALL)
def test_what_the_schema_cannot_see_is_right_too(overlay):
    assert manifests(overlay).problems() == []


def test_the_schema_finds_a_field_that_is_misspelt():
    objects = copy.deepcopy(manifests("staging").objects)
    pod(objects)["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one(objects, "Deployment", "mlreg-server"), "1.37", strict=True)


def change(path: str, value: object) -> Callable[[Any], None]:
    """Set a field of an object; None takes it out."""

    def planted(at: Any) -> None:
        *way, last = path.split(".")
        for step in way:
            at = at[int(step) if step.isdigit() else step]
        if value is None:
            del at[last]
        else:
            at[int(last) if last.isdigit() else last] = value

    return planted


SERVER = ("Deployment", "mlreg-server")
SPEC = "spec.template.spec"
CONTAINER = f"{SPEC}.containers.0"
PLANTED = [
    (*SERVER, change("spec.template.metadata.labels", {"app": "other"}), "selector does not fit"),
    ("Service", "mlreg-server", change("spec.selector", {"app": "other"}), "finds no pod"),
    ("Service", "mlreg-server", change("spec.ports.0.targetPort", "htpp"), "no pod has the port htpp"),
    ("PodDisruptionBudget", "mlreg-server", change("spec.selector.matchLabels", {"app": "other"}), "finds no pod"),
    ("HorizontalPodAutoscaler", "mlreg-server", change("spec.scaleTargetRef.name", "other"), "there is no other"),
    ("HorizontalPodAutoscaler", "mlreg-server", change("spec.maxReplicas", 0), "minReplicas exceeds"),
    (*SERVER, change("spec.replicas", 2), "undo what the autoscaler set"),
    (*SERVER, change(f"{SPEC}.securityContext.runAsUser", 0), "may run as root"),
    (*SERVER, change(f"{SPEC}.automountServiceAccountToken", None), "gets a token"),
    (*SERVER, change(f"{SPEC}.hostNetwork", True), "reaches into its node"),
    (*SERVER, change(f"{SPEC}.volumes.0.name", "other"), "volumes and mounts differ"),
    (*SERVER, change(f"{CONTAINER}.volumeMounts.1.mountPath", "/var/lib/mlreg"), "mounted at one place"),
    (*SERVER, change(f"{CONTAINER}.securityContext.readOnlyRootFilesystem", False), "may write its root"),
    (*SERVER, change(f"{CONTAINER}.securityContext.capabilities", {"add": ["NET_ADMIN"]}), "keeps privileges"),
    (*SERVER, change(f"{CONTAINER}.image", "mlreg-dagster:latest"), "without a fixed tag"),
    (*SERVER, change(f"{CONTAINER}.env.1.value", "postgresql://mlreg:secret@db/registry"), "has a secret"),
    (*SERVER, change(f"{CONTAINER}.resources.requests.cpu", "banana"), "'banana' is no quantity"),
    (*SERVER, change(f"{CONTAINER}.resources.limits", {"cpu": "2"}), "None is no quantity"),
    (*SERVER, change(f"{CONTAINER}.resources.limits.memory", "256Mi"), "request exceeds the limit"),
    (*SERVER, change(f"{CONTAINER}.startupProbe", None), "has no startupProbe"),
    (*SERVER, change(f"{CONTAINER}.readinessProbe.httpGet.port", 9999), "a port 9999 that is not there"),
    (*SERVER, change(f"{SPEC}.serviceAccountName", "other"), "no service account other"),
    (*SERVER, change(f"{SPEC}.volumes.2.configMap.name", "other"), "no ConfigMap other"),
    (*SERVER, change(f"{SPEC}.volumes.1.persistentVolumeClaim.claimName", "other"), "no PersistentVolumeClaim other"),
    (*SERVER, change(f"{SPEC}.volumes.3.secret.secretName", "other"), "does not make the secret other"),
    (
        *SERVER,
        change(f"{CONTAINER}.env.0.valueFrom.secretKeyRef.key", "url"),
        "the secret mlreg-database url",
    ),
    ("Deployment", "mlreg-daemon", change(f"{CONTAINER}.volumeMounts.1.subPath", "other.yaml"), "has no other.yaml"),
    ("NetworkPolicy", "mlreg-server", change("spec.podSelector.matchLabels", {"app": "other"}), "finds no pod"),
    ("NetworkPolicy", "mlreg-server", change("spec.ingress.0.ports.0.port", "htpp"), "no pod has the port htpp"),
    (
        "NetworkPolicy",
        "mlreg-asks",
        change("spec.egress.0.to.0.podSelector.matchLabels", {"a": "x"}),
        "a peer finds no",
    ),
    ("NetworkPolicy", "mlreg-deny", change("spec.egress", [{}]), "everything may talk to it"),
]


@pytest.mark.parametrize(("kind", "name", "plant", "problem"), PLANTED, ids=[each[3] for each in PLANTED])
def test_a_planted_error_is_found(kind, name, plant, problem):
    sound = manifests("production")
    objects = copy.deepcopy(sound.objects)
    plant(one(objects, kind, name))
    assert any(problem in each for each in Manifests(objects, sound.documented).problems())


@pytest.mark.parametrize("overlay", ALL)
def test_no_request_is_cut_off_by_a_rolling_update(overlay):
    objects = manifests(overlay).objects
    server = one(objects, "Deployment", "mlreg-server")["spec"]
    limits = load_settings(FOLDER / "base" / "configs").serving.limits
    seconds = int(pod(objects)["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert server["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    longest = max(limits.shutdown_seconds, limits.request_seconds)
    assert pod(objects)["terminationGracePeriodSeconds"] > seconds + longest


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_one_process_writes_the_tables_and_only_one_ticks(overlay):
    objects = manifests(overlay).objects
    for name in ("mlreg-code-location", "mlreg-daemon"):
        spec = one(objects, "Deployment", name)["spec"]
        assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_servers_read_bundles_and_write_nothing_but_their_log(overlay):
    mounts = {each["mountPath"]: each for each in pod(manifests(overlay).objects)["containers"][0]["volumeMounts"]}
    shared = {path: each.get("readOnly", False) for path, each in mounts.items() if each["name"] == "shared"}
    home = "/var/lib/mlreg"
    assert shared == {f"{home}/artifacts": True, f"{home}/latest": True, f"{home}/served": False}


def test_beside_the_chart_no_volume_holds_the_home():
    objects = manifests("hosts").objects
    assert {each["metadata"]["name"] for each in objects if each["kind"] == "PersistentVolumeClaim"} == {"mlreg-served"}
    mounts = {each["mountPath"]: each["name"] for each in pod(objects)["containers"][0]["volumeMounts"]}
    assert {path for path, name in mounts.items() if name == "served"} == {"/var/lib/mlreg/served"}
    pages = pod(objects, "mlreg-pages")
    assert not [each for each in pages["volumes"] if "persistentVolumeClaim" in each]
    known = {each["name"] for each in pages["containers"][0]["env"]} | set(
        one(objects, "ConfigMap", "mlreg-places")["data"]
    )
    assert {"MLREG_TABLES", "MLREG_ARTIFACTS", "MLREG_REGISTRY", "AWS_ENDPOINT_URL"} <= known


def test_a_pod_of_the_chart_that_no_policy_closes_is_found():
    sound = manifests("hosts")
    (other, *rest) = copy.deepcopy(sound.beside)
    other["metadata"]["labels"].pop("app.kubernetes.io/part-of")
    assert any(
        "everything may talk to it" in each
        for each in Manifests(sound.objects, sound.documented, (other, *rest)).problems()
    )


def test_the_configuration_of_the_cluster_is_read_by_the_package():
    assert load_settings(FOLDER / "base" / "configs").serving.alias == "champion"
    assert "dagster-k8s/config" in load_settings(FOLDER / "hosts" / "configs").automation.run_tags["retrain"]


@pytest.mark.parametrize(("text", "number"), [("250m", 0.25), ("2", 2), ("1.5", 1.5), ("64Mi", 2**26), ("1G", 1e9)])
def test_quantities(text, number):
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["banana", "", "1 Gi", "1gb", "-1", None, "Mi"])
def test_what_is_no_quantity(text):
    with pytest.raises(ValueError, match="no quantity"):
        quantity(text)
