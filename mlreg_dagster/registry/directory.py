"""The directory of people as of one moment: ids for names, names for readers, and texts that must not hold a name.

It is pure: rows are read in `mixins.people`. What a person may do belongs to `governance`.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from mlreg_dagster.core.people import PERSON_ID
from mlreg_dagster.registry.errors import InvalidRecord
from mlreg_dagster.registry.records.people import Person

_SHOWN = re.compile(rf"(--actor '?|mlreg people \w+ |\()?(?<![\w-])({PERSON_ID.pattern})(?![\w-])( \(erased\))?")
"""An id in a text, but for its place in a command to paste, or where it is shown with the name already."""


class Directory:
    """Who is who.

    Args:
        people: All of them, erased ones among them.
    """

    def __init__(self, people: Iterable[Person] = ()) -> None:
        self.people = {person.id: person for person in people}

    def __bool__(self) -> bool:
        """Whether it holds people, be it that all are erased."""
        return bool(self.people)

    @cached_property
    def ids(self) -> dict[str, str]:
        """The id of each present name."""
        return {person.name: person.id for person in self.people.values() if person.name is not None}

    def id_of(self, name: str) -> str:
        """The id of the person of this name; any other name stands for itself."""
        return self.ids.get(name, name)

    def shown(self, actor: str) -> str:
        """An actor as readers see it: `anna (p-7k2m9q4x)`, `p-7k2m9q4x (erased)`; any other stays as it is."""
        if (person := self.people.get(actor)) is None:
            return actor
        return f"{person.id} (erased)" if person.name is None else f"{person.name} ({person.id})"

    def in_words(self, text: str) -> str:
        """A text as readers see it: with the present name beside each id."""
        if not self.people:
            return text
        return _SHOWN.sub(self._named, text)

    def _named(self, match: re.Match[str]) -> str:
        before, found, erased = match.groups()
        whole = match.group()
        if erased or (before and before != "("):
            return whole
        person = self.people.get(found)
        if before and person is not None and match.string[: match.start()].endswith(f"{person.name} "):
            return whole
        return (before or "") + self.shown(found)

    def named_in(self, text: str) -> list[str]:
        """The ids of the people whose name or contact stands in a text, as whole words in any case."""
        folded = _folded(text)
        return [person.id for person in self.people.values() if any(_holds(folded, each) for each in _texts(person))]

    def refuse_names(self, what: str, text: str) -> None:
        """Refuse a text that is kept for ever and holds a name that must stay erasable.

        Args:
            what: How the message calls it: `reason`.
            text: What was written.

        Raises:
            InvalidRecord: It holds one; the message names the id alone.
        """
        if found := self.named_in(text):
            raise InvalidRecord(
                f"The {what} holds the name or contact of {', '.join(found)}. It is kept for ever, and names must stay "
                f"erasable: write the id in its place. Nothing was recorded."
            )


def holds(text: str, phrase: str) -> bool:
    """Whether a phrase stands in a text as whole words, in any case."""
    return _holds(_folded(text), phrase)


def _texts(person: Person) -> Iterator[str]:
    yield from (text for text in (person.name, person.contact) if text)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _holds(folded: str, phrase: str) -> bool:
    words = _folded(phrase)
    return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", folded) is not None
