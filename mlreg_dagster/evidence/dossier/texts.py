"""What people wrote for a dossier: in use_case.yaml, and in Markdown files of the project."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from mlreg_dagster.config import ConfigError
from mlreg_dagster.config.sections.documentation import Documentation, Writing
from mlreg_dagster.evidence.dossier.catalogue import DOCUMENTS, Asked

FOLDER = Path("docs", "dossier")
"""In the project, beside the folder of configs."""
_MOST_BYTES = 200_000


def texts_of(documentation: Documentation, project: Path) -> dict[str, str]:
    """Every text that is written, by its key; a file that holds a placeholder counts as not written.

    Args:
        documentation: Of use_case.yaml.
        project: The folder in which docs/dossier is.

    Raises:
        ConfigError: A file can't be read.
    """
    files = {each.key: text for each in _in_files() if (text := _read(project / FOLDER / f"{each.key}.md"))}
    return {key: writing.text for key, writing in documentation.texts.items()} | files


def _in_files() -> Iterator[Asked]:
    return (each for document in DOCUMENTS for each in document.asked if each.place == "docs/dossier")


def _read(path: Path) -> str | None:
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path} has more than {_MOST_BYTES:,} bytes. Shorten it.")
        return Writing(text=path.read_text(encoding="utf-8").strip()).text
    except ValidationError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}. Write it again, as UTF-8.") from error
