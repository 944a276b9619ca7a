"""Makes the card of a version for its page, in the process that computes."""

import pandas as pd

from mlreg_dagster.evidence.card.build import make_card
from mlreg_dagster.evidence.card.collect import collect
from mlreg_dagster.evidence.card.context import Watch
from mlreg_dagster.evidence.rendering import document_of
from mlreg_dagster.evidence.schemas.card import CardDocument
from mlreg_dagster.extensions.registration.loading import load_extensions
from mlreg_dagster.pages.source import Source
from mlreg_dagster.registry import ModelVersion
from mlreg_dagster.storage.warehouse.read_only import ReadOnlyWarehouse


def make_document(version: ModelVersion, source: Source) -> CardDocument:
    """Collect and judge everything; models are not loaded, and nothing is tried.

    Args:
        version: Of which version.
        source: Where everything is.
    """
    load_extensions(source.settings.extensions.modules)
    return source.read(lambda tables: _made(version, source, tables))


def _made(version: ModelVersion, source: Source, tables: ReadOnlyWarehouse) -> CardDocument:
    context = collect(
        version,
        source.registry(),
        source.artifacts(),
        tables,
        source.settings,
        now=pd.Timestamp(source.as_of),
        tampering=None,  # of a registry that was tampered with no page is shown
        watch=Watch(known=False),
        verify=False,
        tries=False,
    )
    return document_of(make_card(context))
