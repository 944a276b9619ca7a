"""The policy in force, which the registry keeps, against the configuration files, which may be edited at any time.

Promotions are judged by the record. Files that differ from it do nothing until they are adopted (`adoption`).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from mlreg_dagster.config import EvaluationSettings, PromotionSettings, Settings, UseCaseSettings
from mlreg_dagster.core import nested
from mlreg_dagster.core.errors import MlregError
from mlreg_dagster.extensions.gates import with_registered_gates
from mlreg_dagster.governance.people.identified import identified
from mlreg_dagster.registry import PolicyRecord, Registry

_SHOWN = 5


class PolicyNotAdopted(MlregError):
    """The configuration files ask for another policy than the one in force."""


@dataclass(frozen=True)
class Rules:
    """What promotions are judged by.

    Attributes:
        promotion: promotion.yaml, as it is applied: with its people by id, where the directory has one.
        use_case: use_case.yaml, whose risk tier says which part of the policy applies.
        evaluation: evaluation.yaml, under which gates count.
        as_adopted: promotion.yaml as it was written; None: as it is applied.
    """

    promotion: PromotionSettings
    use_case: UseCaseSettings
    evaluation: EvaluationSettings
    as_adopted: PromotionSettings | None = None

    @property
    def content(self) -> dict[str, Any]:
        """The values as plain JSON, by file name, as the registry keeps them."""
        return {
            "promotion": (self.as_adopted or self.promotion).model_dump(mode="json"),
            "use_case": self.use_case.asked,
            "evaluation": self.evaluation.model_dump(mode="json"),
        }


def rules_of(settings: Settings) -> Rules:
    """What the configuration files ask for."""
    return Rules(settings.promotion, settings.use_case, with_registered_gates(settings.evaluation))


def recorded_rules(record: PolicyRecord) -> Rules:
    """What a record says.

    Raises:
        PolicyNotAdopted: Another release recorded values that this one does not know.
    """
    content = record.content
    try:
        return Rules(
            PromotionSettings.model_validate(content["promotion"]),
            UseCaseSettings.model_validate({"worth": None, **content["use_case"]}),  # of before there was worth
            EvaluationSettings.of_record(content["evaluation"]),
        )
    except (ValidationError, KeyError) as error:
        raise PolicyNotAdopted(
            f"The policy in force (adopted by {record.actor}, {record.recorded_at:%Y-%m-%d %H:%M}) holds values that "
            f"this release does not know. `mlreg policy adopt --reason …` puts the configuration files in force."
        ) from error


def applied_rules(registry: Registry, record: PolicyRecord) -> Rules:
    """What a record says, with the people of the directory.

    Raises:
        PolicyNotAdopted: Another release recorded values that this one does not know.
    """
    rules = recorded_rules(record)
    promotion = identified(rules.promotion, registry, record.recorded_at)
    return replace(rules, promotion=promotion, as_adopted=rules.promotion)


def rules_in_force(registry: Registry, files: Rules) -> Rules:
    """The rules in force, where nothing may be written; of a registry that has none those of the files.

    Raises:
        PolicyNotAdopted: Another release recorded values that this one does not know.
    """
    record = registry.policy_in_force()
    return files if record is None else applied_rules(registry, record)


def rules_as_of(registry: Registry, files: Rules, as_of: datetime) -> Rules:
    """The rules in force at a time; of a time before the first policy those of the files.

    Raises:
        PolicyNotAdopted: Another release recorded values that this one does not know.
    """
    adopted = [each for each in registry.policies() if each.recorded_at <= as_of]
    return applied_rules(registry, adopted[-1]) if adopted else files


def rules_now(registry: Registry, files: Rules, now: datetime) -> Rules:
    """The rules in force; those of the files become the first ones of a registry that has none.

    Raises:
        PolicyNotAdopted: Another release recorded values that this one does not know.
    """
    return applied_rules(registry, registry.record_first_policy(files.content, now))


def differences(in_force: Rules, files: Rules) -> list[str]:
    """What the files say otherwise, as `file.key: in force → in the files`."""
    return nested.differences(in_force.content, files.content, "none")


def require_adopted(in_force: Rules, files: Rules) -> None:
    """Refuse files that differ from the policy in force.

    Raises:
        PolicyNotAdopted: They do; the first differences are named.
    """
    if found := differences(in_force, files):
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise PolicyNotAdopted(
            f"The configuration files ask for another policy than the one in force: {'; '.join(found[:_SHOWN])}{more}. "
            f'`mlreg policy adopt --reason "…"` puts the files in force, or let MLREG_CONFIG_DIR name the right ones.'
        )
