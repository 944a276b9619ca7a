"""Writes a dossier: its documents as Markdown, an index of them as HTML, the card, and sums; replaced as a whole."""

from pathlib import Path

from mlreg_dagster.evidence import bundles
from mlreg_dagster.evidence.dossier.build import Dossier
from mlreg_dagster.evidence.templating import render

INDEX = "index.html"
_CARD = "model_card"


def write(folder: Path, dossier: Dossier, card_files: Path, runbook: str) -> None:
    """Write the dossier, or replace it.

    Args:
        folder: Of the dossier.
        dossier: What is written.
        card_files: The bundle's folder, whose card is the document of that name.
        runbook: The instructions that come with the package, as Markdown.

    Raises:
        StorageFull, StorageNotWritable: The folder is as it was before.
    """
    files = {INDEX: render("dossier.html.jinja", dossier=dossier).encode()}
    for made in dossier.documents:
        text = (
            (card_files / bundles.MARKDOWN).read_text(encoding="utf-8")
            if made.document.key == _CARD
            else render("dossier.md.jinja", dossier=dossier, made=made)
        )
        if made.document.key == "runbook":
            text += f"\n{runbook}"
        files[made.file] = text.encode()
    files |= {name: (card_files / name).read_bytes() for name in (bundles.HTML, bundles.JSON)}
    bundles.write_folder(folder, files)
