"""The command line, from the Typer app."""

from collections.abc import Iterator
from typing import Any

import typer

from generated.markdown import cell, code, table
from mlreg_dagster.cli.app import app


def markdown() -> str:
    """Each command with its arguments and options, in the order of the help."""
    return "\n".join(_command(name, command) for name, command in commands())


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its whole name; those of a group after one another."""
    groups = [("mlreg", typer.main.get_command(app))]
    while groups:
        name, command = groups.pop(0)
        if hasattr(command, "commands"):
            groups = [(f"{name} {word}", each) for word, each in command.commands.items()] + groups
        else:
            yield name, command


def _command(name: str, command: Any) -> str:
    parameters = [each for each in command.params if not each.hidden and each.name != "help"]
    return "\n".join(
        [
            f"## {name}\n",
            f"{_on_one_line(command.help)}\n",
            table(("argument or option", "default", "meaning"), [_row(each) for each in parameters]),
        ]
    )


def _row(parameter: Any) -> tuple[str, str, str]:
    if parameter.param_type_name == "argument":
        name = parameter.name.upper()
    else:
        takes_nothing = parameter.type_descriptor.annotation is bool
        name = parameter.opts[0] if takes_nothing else f"{parameter.opts[0]} {parameter.name.upper()}"
    known = parameter.default is not None and parameter.default is not False and not callable(parameter.default)
    default = "required" if parameter.required else code(str(parameter.default)) if known else ""
    repeated = " May be repeated." if parameter.multiple else ""
    return code(name), default, cell(f"{parameter.help or ''}{repeated}")


def _on_one_line(text: str | None) -> str:
    return " ".join((text or "").split())
