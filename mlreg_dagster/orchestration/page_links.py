"""Links from assets and partitions to the registry pages, where pages.yaml says where these are found."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlencode

import dagster as dg

from mlreg_dagster.core.page_addresses import page_of_asset, page_of_partition
from mlreg_dagster.orchestration.partitions import MODEL_VERSIONS

PAGE = "registry_page"
"""Metadata of an asset and of its materializations: the page about it."""
OF_PARTITION = "registry_page_of_partition"
"""Definition metadata: the form of the pages about partitions."""

_KEY = "{partition}"

Asset = dg.AssetsDefinition | dg.AssetSpec


def with_page_links(assets: Iterable[Asset], url: str | None, branch: str | None) -> list[Asset]:
    """The assets with links to their pages.

    Args:
        assets: As they are.
        url: Of the pages; None: the assets stay as they are.
        branch: The branch that the home is; None: it is none.
    """
    if url is None:
        return list(assets)

    def linked(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.merge_attributes(metadata=_links(spec, url, branch))

    return [linked(each) if isinstance(each, dg.AssetSpec) else each.map_asset_specs(linked) for each in assets]


def page_link(context: dg.AssetExecutionContext, partition: str) -> dict[str, dg.UrlMetadataValue]:
    """Metadata of a materialization: the page about its partition; empty where there is none."""
    form = context.assets_def.metadata_by_key.get(context.asset_key, {}).get(OF_PARTITION)
    if form is None:
        return {}
    text = form.value if isinstance(form, dg.MetadataValue) else form
    return {PAGE: dg.MetadataValue.url(str(text).replace(_KEY, quote(partition, safe=":")))}


def _links(spec: dg.AssetSpec, url: str, branch: str | None) -> dict[str, Any]:
    query = "" if branch is None else f"?{urlencode({'branch': branch})}"
    links: dict[str, Any] = {PAGE: dg.MetadataValue.url(f"{url}{page_of_asset(spec.key.to_user_string())}{query}")}
    if (example := _example(spec.partitions_def)) and (path := page_of_partition(example)):
        links[OF_PARTITION] = f"{url}{path.replace(example, _KEY)}{query}"
    return links


def _example(partitions: dg.PartitionsDefinition[Any] | None) -> str | None:
    """A key of the kind that an asset has; those of days have no page."""
    if isinstance(partitions, dg.HourlyPartitionsDefinition):
        return "2026-01-01-00:00"
    is_version = isinstance(partitions, dg.DynamicPartitionsDefinition) and partitions.name == MODEL_VERSIONS.name
    return "v1" if is_version else None
