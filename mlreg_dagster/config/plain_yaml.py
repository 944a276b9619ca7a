"""Reads restricted YAML: no aliases, no repeated keys, no deep nesting."""

from collections.abc import Hashable
from typing import Any

import yaml


class _PlainLoader(yaml.SafeLoader):
    """A few lines of aliases can stand for gigabytes; of a key that is written twice one value would be lost."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*) are not allowed", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        values = super().construct_mapping(node, deep)
        if len(values) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key is written twice", node.start_mark)
        return values


def parse(text: str) -> Any:
    """The value that a text stands for.

    Raises:
        YAMLError: It is no YAML, or YAML with more than plain values.
    """
    try:
        return yaml.load(text, _PlainLoader)  # noqa: S506 - it is a safe one
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error
    except (ValueError, OverflowError) as error:  # 2026-02-30, or a number of thousands of digits
        raise yaml.YAMLError(str(error)) from error
