"""What people wrote in use_case.yaml, shown in the sections that it belongs to, and whether it changed since a move."""

from collections.abc import Mapping
from typing import Any

from mlreg_dagster.evidence.card.context import CardContext
from mlreg_dagster.evidence.card.elements import Fact, Table, Values

_LONGEST = 600
PURPOSE = ("intended_use", "out_of_scope", "limits", "affected")
DATA = ("data.origin", "data.licence", "data.collection")
CARE = ("oversight.overrule", "oversight.stop", "personal_data", "retention", "security")
_KEPT = "documentation"


def changed_since_moves(context: CardContext) -> dict[str, list[str]] | None:
    """The texts that are not those of the newest move of each alias that the version holds.

    Returns:
        By alias the keys of the texts that were changed, removed or added since; None: a move kept no hashes.
    """
    today, found = context.settings.use_case.documented.text_hashes, {}
    for alias in context.aliases:
        then = context.holders[alias].evidence.get(_KEPT)
        if then is None:
            return None
        found[alias] = sorted(key for key in then.keys() | today.keys() if then.get(key) != today.get(key))
    return found


def purpose_facts(context: CardContext) -> list[Fact]:
    """Intended use, out-of-scope use, limits, who is affected; and the hashes of all texts."""
    texts = context.settings.use_case.documented.texts
    kept = [context.holders[alias].evidence.get(_KEPT) for alias in context.aliases]
    rows = [
        {
            "text": key,
            "file": text.file or "use_case.yaml",
            "SHA-256": text.sha256,
            "since the moves": _since(key, text.sha256, kept),
        }
        for key, text in texts.items()
    ]
    return [
        Values("Use, limits, and who is affected", _texts(context, PURPOSE), key="written_purpose"),
        *_whole_texts(context, PURPOSE, "whole_purpose"),
        Table("Texts that people wrote", rows, folded=True, key="written_texts"),
    ]


def data_facts(context: CardContext) -> list[Fact]:
    """Whose data it is, its licence, how it was collected."""
    return [
        Values("Origin of the data, as people describe it", _texts(context, DATA), key="written_data"),
        *_whole_texts(context, DATA, "whole_data"),
    ]


def validation_facts(context: CardContext) -> list[Fact]:
    """The independent validation, and the next one."""
    plan = context.settings.use_case.documented.validation
    values = {
        "last": plan.last.isoformat() if plan.last else None,
        "by": plan.by,
        "next": plan.next.isoformat() if plan.next else None,
    }
    return [Values("Independent validation", values, key="validation")]


def care_facts(context: CardContext) -> list[Fact]:
    """Oversight, personal data, retention, security, and whom to ask in which role."""
    written = context.settings.use_case.documented
    texts = _texts(context, CARE) | {"oversight.stop_within_minutes": written.oversight.stop_within_minutes}
    contacts = [{"role": each.role, "contact": each.contact} for each in written.contacts]
    return [
        Table("Contacts by role", contacts, key="contacts_by_role"),
        Values("Oversight, personal data, retention, security", texts, key="written_care"),
        *_whole_texts(context, CARE, "whole_care"),
    ]


def _since(key: str, sha256: str, kept: list[Mapping[str, Any] | None]) -> str:
    if not kept:
        return "it holds no alias"
    if any(each is None for each in kept):
        return "not recorded"
    return "the same" if all(each.get(key) == sha256 for each in kept if each is not None) else "changed"


def _texts(context: CardContext, keys: tuple[str, ...]) -> dict[str, Any]:
    texts = context.settings.use_case.documented.texts
    return {key: _short(texts[key].text) if key in texts else "not written" for key in keys}


def _whole_texts(context: CardContext, keys: tuple[str, ...], key: str) -> list[Fact]:
    """Long texts as they stand; what is short is shown whole anyway."""
    texts = context.settings.use_case.documented.texts
    long = {name: texts[name].text for name in keys if name in texts and len(texts[name].text) > _LONGEST}
    return [Values("Whole texts", long, folded=True, key=key)] if long else []


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rstrip()} …"
