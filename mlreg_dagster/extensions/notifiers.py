"""Which notifiers there are. What a notice says is in `automation/notification`."""

from collections.abc import Callable
from typing import Any, TypeVar

from mlreg_dagster.extensions.registration.catalogue import Catalogue
from mlreg_dagster.extensions.registration.plugins import PluginError, plugin_of

_Class = TypeVar("_Class", bound=type)

NOTIFIERS: Catalogue[Callable[..., Any]] = Catalogue("notifier")
"""Makers of the plug-ins' notifiers, by name."""


def notifier(name: str) -> Callable[[_Class], _Class]:
    """Register a class with `notify(notice)`.

    `notify` delivers an `automation.notification.Notice` once, or raises. The class is made with the keyword arguments
    of `notifications.yaml: params`.

    Args:
        name: As `notifications.yaml: notifier` names it.

    Raises:
        PluginError: The name is taken, or the class has no `notify`.
    """

    def register(cls: _Class) -> _Class:
        if not callable(getattr(cls, "notify", None)):
            raise PluginError(
                f"The plug-in {plugin_of(cls.__module__)} registers the notifier {name}, whose class {cls.__name__} "
                f"has no notify."
            )
        NOTIFIERS.add(name, cls, cls)
        return cls

    return register
