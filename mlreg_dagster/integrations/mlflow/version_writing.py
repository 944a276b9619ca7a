"""The part of a sync that writes the registered model: its versions, whose numbers are ours, its tags and aliases."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlreg_dagster.integrations.mlflow.client import Found, FoundVersion
from mlreg_dagster.integrations.mlflow.content import MARK, MODEL, NAME, PLACEHOLDER, VERSION, Version, Wanted, digest
from mlreg_dagster.integrations.mlflow.errors import MlflowRefused

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TAGS = {
    "tag": ("set_tag", "delete_tag"),
    "version": ("set_model_version_tag", "delete_model_version_tag"),
    "model": ("set_registered_model_tag", "delete_registered_model_tag"),
}


class VersionWriting:
    """See `Writing`."""

    def __init__(self, client: "MlflowClient", found: Found, wanted: Wanted) -> None:
        self._client = client
        self._found = found
        self._wanted = wanted
        self._ids: dict[str, str] = {}
        self._has_model = found.model is not None
        self.calls = 0

    def _do(self, method: str, *values: Any, **named: Any) -> Any:
        """Ask MLflow to write."""
        self._count()
        return getattr(self._client, method)(*values, **named)

    def _count(self) -> None:
        self.calls += 1

    def _set_tags(self, there: Mapping[str, str], wanted: Mapping[str, str], of: str, *place: str) -> None:
        setting, deleting = _TAGS[of]
        for name, value in wanted.items():
            if there.get(name) != value:
                self._do(setting, *place, name, value)
        for name in there.keys() - wanted.keys():
            self._do(deleting, *place, name)

    def _write_versions(self) -> None:
        """Give every version its number, if need be by making the registered model again.

        Raises:
            MlflowRefused: MLflow gives other numbers even then.
        """
        if not self._has_model:
            self._do("create_registered_model", NAME)
        kept = dict(self._found.versions)
        for number in (*self._found.placeholders, *(set(kept) - set(self._wanted.versions))):
            self._do("delete_model_version", NAME, str(number))
            kept.pop(number, None)
        if self._is_numbered(kept) and self._numbered(kept):
            return
        self._do("delete_registered_model", NAME)
        self._do("create_registered_model", NAME)
        self._has_model = False
        if not self._numbered({}):
            raise MlflowRefused(
                f"MLflow does not number the versions of {NAME} from 1 on, so its numbers can't be those of the "
                f"registry. Nothing more was written."
            )

    def _is_numbered(self, kept: Mapping[int, FoundVersion]) -> bool:
        """Whether each version comes from its run, which MLflow never changes."""
        return all(each.run_id == self._ids[f"v{number}"] for number, each in kept.items())

    def _numbered(self, kept: Mapping[int, FoundVersion]) -> bool:
        """Add what is missing; False where MLflow gave a number away already, to a version that was deleted."""
        highest = max(kept, default=0)
        for number, version in sorted(self._wanted.versions.items()):
            if number in kept:
                self._update(number, kept[number], version)
                continue
            if number < highest or not self._passed_over(range(highest + 1, number), version):
                return False
            if self._made(version, {VERSION: str(version.subject)}) != number:
                return False
            self._update(number, FoundVersion(None, Version(None, "", {VERSION: str(version.subject)}), None), version)
            highest = number
        return True

    def _passed_over(self, numbers: range, version: Version) -> bool:
        """Use up the numbers of versions that the registry does not have."""
        for number in numbers:
            made = self._made(version, {PLACEHOLDER: "true"})
            self._do("delete_model_version", NAME, str(made))
            if made != number:
                return False
        return True

    def _made(self, version: Version, tags: Mapping[str, str]) -> int:
        run_id = self._ids[str(version.subject)]
        made = self._do("create_model_version", NAME, f"runs:/{run_id}/{MODEL}", run_id, dict(tags))
        return int(made.version)

    def _update(self, number: int, there: FoundVersion, version: Version) -> None:
        self._set_tags(there.version.tags, version.tags, "version", NAME, str(number))
        if there.version.description != version.description:
            self._do("update_model_version", NAME, str(number), version.description)
        if there.mark != digest(version.facts):
            self._do("set_model_version_tag", NAME, str(number), MARK, digest(version.facts))

    def _write_model(self) -> None:
        wanted = self._wanted.model
        there = self._found.model if self._has_model else None
        aliases = there.model.aliases if there else {}
        for alias, number in wanted.aliases.items():
            if aliases.get(alias) != number:
                self._do("set_registered_model_alias", NAME, alias, str(number))
        for alias in aliases.keys() - wanted.aliases.keys():
            self._do("delete_registered_model_alias", NAME, alias)
        self._set_tags(there.model.tags if there else {}, wanted.tags, "model", NAME)
        if there is None or there.model.description != wanted.description:
            self._do("update_registered_model", NAME, wanted.description)
        if there is None or there.mark != digest(wanted.facts):
            self._do("set_registered_model_tag", NAME, MARK, digest(wanted.facts))
