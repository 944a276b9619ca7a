"""The data dictionary, from the function that pages read, too: `evidence.data_audit.dictionary`."""

from collections.abc import Iterator

from generated.markdown import cell, code, table
from mlreg_dagster.config import load_settings
from mlreg_dagster.config.project import shipped
from mlreg_dagster.evidence.data_audit.dictionary import Described, Entry, dictionary


def markdown() -> str:
    """Each table and file of the configuration as it is shipped: what a row is, its key, its columns."""
    described = dictionary(load_settings(shipped("configs")))
    columns = {each.entries: each.name for each in reversed(described) if each.kind == "table"}
    return "\n".join(_described(each, columns.get(each.entries, "")) for each in described)


def _described(each: Described, source: str) -> str:
    rules = "".join(f"- {rule}\n" for rule in each.rules)
    rows = [
        (code(entry.name), code(entry.type), "yes" if entry.nullable else "", cell(_meaning(entry)))
        for entry in each.entries
    ]
    replaced = f"; replaced by {code(each.key[0])}" if each.kind == "table" else ""
    return "\n".join(
        [
            f"## {each.name}\n",
            f"{each.description}\n",
            f"Key: {', '.join(code(name) for name in each.key)}{replaced}.\n",
            f"Columns: those of {code(source)}.\n"
            if each.kind == "dataset" and source
            else table(("column", "type", "may be null", "meaning"), rows),
            f"In every row:\n\n{rules}\n" if rules else "",
        ]
    )


def _meaning(entry: Entry) -> str:
    return " ".join([entry.description, *_looking_back(entry)])


def _looking_back(entry: Entry) -> Iterator[str]:
    if entry.lookback_hours:
        yield f"Looks back {entry.lookback_hours} h."
