"""What a schema of Kubernetes can't see: names that fit nothing, quantities, limits, and what we require of pods."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]

_UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def quantity(text: object) -> float:
    """The number that a quantity means.

    Raises:
        ValueError: It is none.
    """
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    return float(found[1]) * _UNITS[found[2] or ""]


@dataclass(frozen=True)
class Manifests:
    """All objects of an overlay.

    Attributes:
        objects: As kustomize builds them.
        documented: The text of the pages that tell which secrets are made by hand.
        beside: Templates of pods that something else makes there: labels, and ports of containers.
    """

    objects: list[Object]
    documented: str
    beside: tuple[Object, ...] = ()

    def of(self, kind: str) -> list[Object]:
        """Those of one kind."""
        return [each for each in self.objects if each["kind"] == kind]

    def named(self, kind: str) -> set[str]:
        """Their names."""
        return {each["metadata"]["name"] for each in self.of(kind)}

    def pods(self, selector: Object) -> list[Object]:
        """The pod specs that a label selector finds."""
        templates = [*(each["spec"]["template"] for each in self.of("Deployment")), *self.beside]
        return [each["spec"] for each in templates if _fits(selector, each["metadata"]["labels"])]

    def problems(self) -> list[str]:
        """Everything that is wrong, in sentences."""
        checks = (_selectors, _scaling, _pods, _references, _network)
        return [problem for check in checks for problem in check(self)]


def _fits(selector: Object, labels: Mapping[str, str]) -> bool:
    wanted = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return wanted and all(
        each["operator"] == "In" and labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions", ())
    )


def _ports(pods: list[Object]) -> set[object]:
    ports = [port for pod in pods for each in pod["containers"] for port in each.get("ports", ())]
    return {port["name"] for port in ports} | {port["containerPort"] for port in ports}


def _selectors(all_: Manifests) -> Iterator[str]:
    for each in all_.of("Deployment"):
        name, spec = each["metadata"]["name"], each["spec"]
        if not _fits(spec["selector"], spec["template"]["metadata"]["labels"]):
            yield f"{name}: its selector does not fit its pods"
    for each in all_.of("Service"):
        name, pods = each["metadata"]["name"], all_.pods({"matchLabels": each["spec"]["selector"]})
        if not pods:
            yield f"Service {name}: it finds no pod"
        for port in each["spec"]["ports"]:
            if port["targetPort"] not in _ports(pods):
                yield f"Service {name}: no pod has the port {port['targetPort']}"


def _scaling(all_: Manifests) -> Iterator[str]:
    for each in all_.of("PodDisruptionBudget"):
        if not all_.pods(each["spec"]["selector"]):
            yield f"PodDisruptionBudget {each['metadata']['name']}: it finds no pod"
    deployments = {each["metadata"]["name"]: each["spec"] for each in all_.of("Deployment")}
    for each in all_.of("HorizontalPodAutoscaler"):
        target = each["spec"]["scaleTargetRef"]["name"]
        if target not in deployments:
            yield f"HorizontalPodAutoscaler: there is no {target}"
        elif "replicas" in deployments[target]:
            yield f"{target}: replicas would undo what the autoscaler set"
        if each["spec"]["minReplicas"] > each["spec"]["maxReplicas"]:
            yield "HorizontalPodAutoscaler: minReplicas exceeds maxReplicas"


def _pods(all_: Manifests) -> Iterator[str]:
    for each in all_.of("Deployment"):
        name, pod = each["metadata"]["name"], each["spec"]["template"]["spec"]
        security = pod.get("securityContext", {})
        if not security.get("runAsNonRoot") or security.get("runAsUser", 0) == 0:
            yield f"{name}: it may run as root"
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{name}: it gets a token of the cluster"
        if pod.get("hostNetwork") or pod.get("hostPID") or any("hostPath" in volume for volume in pod["volumes"]):
            yield f"{name}: it reaches into its node"
        volumes, mounted = {volume["name"] for volume in pod["volumes"]}, set()
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            yield from (f"{name}: {problem}" for problem in _container(container))
            mounts = container.get("volumeMounts", ())
            mounted |= {mount["name"] for mount in mounts}
            if len({mount["mountPath"] for mount in mounts}) < len(mounts):
                yield f"{name}: two volumes are mounted at one place"
        if volumes != mounted:
            yield f"{name}: volumes and mounts differ by {', '.join(sorted(volumes ^ mounted))}"
        for container in pod["containers"]:
            yield from (f"{name}: {problem}" for problem in _probes(container))


def _container(container: Object) -> Iterator[str]:
    name, security = container["name"], container.get("securityContext", {})
    if not security.get("readOnlyRootFilesystem"):
        yield f"{name} may write its root"
    if security.get("allowPrivilegeEscalation") is not False or security.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{name} keeps privileges"
    if not re.search(r"@sha256:[0-9a-f]{64}$|:(?!latest$)[\w.-]+$", container["image"]):
        yield f"{name} has an image without a fixed tag"
    for variable in container.get("env", ()):
        if re.search(r"://[^/]*:[^/]*@", variable.get("value", "")):
            yield f"{name} has a secret in {variable['name']}"
    resources = container.get("resources", {})
    for resource in ("cpu", "memory"):
        try:
            least, most = (quantity(resources.get(part, {}).get(resource)) for part in ("requests", "limits"))
        except ValueError as error:
            yield f"{name}, {resource}: {error}"
            continue
        if least > most:
            yield f"{name}, {resource}: the request exceeds the limit"


def _probes(container: Object) -> Iterator[str]:
    name, known = container["name"], _ports([{"containers": [container]}])
    for probe in _PROBES:
        if probe not in container:
            yield f"{name} has no {probe}"
            continue
        ways = [container[probe][how] for how in ("httpGet", "grpc", "tcpSocket") if how in container[probe]]
        for way in ways:
            if way["port"] not in known:
                yield f"{name}: {probe} asks a port {way['port']} that is not there"


def _references(all_: Manifests) -> Iterator[str]:
    for each in all_.of("Deployment"):
        pod = each["spec"]["template"]["spec"]
        if pod["serviceAccountName"] not in all_.named("ServiceAccount"):
            yield f"{each['metadata']['name']}: there is no service account {pod['serviceAccountName']}"
        for kind, name, key in _referred(pod):
            if kind == "Secret":  # made by hand
                if f"secret generic {name}" not in all_.documented or (key and f"={key}=" not in all_.documented):
                    yield f"The documentation does not make the secret {name} {key}".rstrip()
            elif name not in all_.named(kind):
                yield f"{each['metadata']['name']}: there is no {kind} {name}"
            elif key and key not in next(o for o in all_.of(kind) if o["metadata"]["name"] == name)["data"]:
                yield f"{each['metadata']['name']}: {kind} {name} has no {key}"


def _referred(pod: Object) -> Iterator[tuple[str, str, str]]:
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for volume in volumes.values():
        for kind, part, key in (
            ("ConfigMap", "configMap", "name"),
            ("Secret", "secret", "secretName"),
            ("PersistentVolumeClaim", "persistentVolumeClaim", "claimName"),
        ):
            if part in volume:
                yield kind, volume[part][key], ""
    for container in [*pod.get("initContainers", ()), *pod["containers"]]:
        for mount in container.get("volumeMounts", ()):
            if "configMap" in volumes.get(mount["name"], {}) and "subPath" in mount:
                yield "ConfigMap", volumes[mount["name"]]["configMap"]["name"], mount["subPath"]
        for variable in container.get("env", ()):
            for kind, part in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
                if part in (source := variable.get("valueFrom", {})):
                    yield kind, source[part]["name"], source[part]["key"]
        for source in container.get("envFrom", ()):
            for kind, part in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
                if part in source:
                    yield kind, source[part]["name"], ""


def _network(all_: Manifests) -> Iterator[str]:
    denied: list[Object] = []
    for each in all_.of("NetworkPolicy"):
        name, spec = each["metadata"]["name"], each["spec"]
        pods = all_.pods(spec["podSelector"])
        if not pods:
            yield f"NetworkPolicy {name}: it finds no pod"
        if set(spec["policyTypes"]) == {"Ingress", "Egress"} and not spec.get("ingress") and not spec.get("egress"):
            denied += pods
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in spec.get(direction, ()):
                others = [all_.pods(peer["podSelector"]) for peer in rule.get(peers, ()) if "podSelector" in peer]
                if not all(others):
                    yield f"NetworkPolicy {name}: a peer finds no pod"
                at = pods if direction == "ingress" else [pod for found in others for pod in found]
                for port in rule.get("ports", ()):
                    if isinstance(port["port"], str) and port["port"] not in _ports(at):
                        yield f"NetworkPolicy {name}: no pod has the port {port['port']}"
    for each in all_.of("Deployment"):
        if each["spec"]["template"]["spec"] not in denied:
            yield f"{each['metadata']['name']}: everything may talk to it"
    for each in all_.beside:
        if each["spec"] not in denied:
            yield f"{each['metadata']['labels']}: everything may talk to it"
