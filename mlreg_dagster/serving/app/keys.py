"""Which requests a key lets pass: scopes, rates, and the file that is read again while the server runs."""

import hmac
import time
from collections.abc import Callable
from pathlib import Path

from mlreg_dagster.serving.app.key_file import Key, KeysUnreadable, Scope, hash_of, parse_keys, read_content
from mlreg_dagster.serving.app.refusals import KeysGone, NoKey, ScopeMissing, TooManyRequests

REFRESH_S = 0.5
"""How often the file is looked at; a revoked key stops within two of these."""

_BEARER = "bearer "
_LONGEST = 512


class TokenBucket:
    """How many requests a key has left; not shared between processes.

    Args:
        rate: Requests that it fills up by in a second.
        burst: Requests that it holds.
        clock: Seconds, always forward.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at = float(burst), clock()

    def take(self) -> float:
        """Take one request.

        Returns:
            0, or the seconds after which there is one.
        """
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._rate


class Keyring:
    """The keys in force.

    A server that began without a file lets everybody in until there is one. A file that was there and can't be read
    any more lets no one in.

    Args:
        place: The file; None: everybody is let in, whatever is there.

    Raises:
        KeysUnreadable: There is a file, and it can't be used.
    """

    def __init__(self, place: Path | None) -> None:
        self._place = place
        self._content: bytes | None = None
        self._keys: tuple[tuple[bytes, Key, TokenBucket], ...] = ()
        self.problem: str | None = None
        content = None if place is None else read_content(place)
        if content is not None:
            self._take(content)

    @property
    def required(self) -> bool:
        """Whether requests need a key."""
        return self._content is not None

    def refresh(self) -> None:
        """Read the file again; a file that can't be used becomes a `problem`, until it can."""
        if self._place is None:
            return
        try:
            content = read_content(self._place)
            if content is None:
                if self._content is None:
                    return
                raise KeysUnreadable(f"The keys file {self._place} is gone. Put it back, or add keys again.")
            if content != self._content or self.problem is not None:
                self._take(content)
            self.problem = None
        except KeysUnreadable as error:
            self._content, self._keys, self.problem = b"", (), str(error)

    def _take(self, content: bytes) -> None:
        keys = parse_keys(content, self._place or Path())
        before = {key: bucket for _, key, bucket in self._keys}
        self._keys = tuple(
            (key.sha256.encode(), key, before.get(key) or TokenBucket(key.requests_per_second, key.burst))
            for key in keys
        )
        self._content = content

    def admit(self, authorization: str | None, api_key: str | None, scope: Scope) -> str | None:
        """Let a request pass.

        Args:
            authorization: The header of this name.
            api_key: The header `X-API-Key`.
            scope: What is asked for.

        Returns:
            The name of the key; None where none is needed.

        Raises:
            KeysGone, NoKey, ScopeMissing, TooManyRequests: It may not.
        """
        if self._content is None:
            return None
        if self.problem is not None:
            raise KeysGone("The server can't read its keys file, so that no key is known. See the server's log.")
        found = self._find(authorization, api_key)
        if found is None:
            raise NoKey(
                "Send an API key that is known here: Authorization: Bearer KEY. `mlreg keys add NAME` makes one."
            )
        key, bucket = found
        if scope not in key.scopes and not (scope == "read" and "score" in key.scopes):
            raise ScopeMissing(f"The key {key.name} lacks the scope {scope}. Make one with `--scope {scope}`.")
        if (wait_s := bucket.take()) > 0:
            raise TooManyRequests(
                f"The key {key.name} may ask {key.requests_per_second:g} times a second. Wait, or send more rows in "
                f"one request.",
                wait_s,
            )
        return key.name

    def _find(self, authorization: str | None, api_key: str | None) -> tuple[Key, TokenBucket] | None:
        """The key of a request; as long whichever it is, and whether there is one."""
        sent = authorization or ""
        secret = sent[len(_BEARER) :].strip() if sent[: len(_BEARER)].lower() == _BEARER else (api_key or "")
        if not secret or len(secret) > _LONGEST:
            return None
        sent_hash = hash_of(secret).encode()
        found = None
        for each_hash, key, bucket in self._keys:
            if hmac.compare_digest(each_hash, sent_hash):
                found = key, bucket
        return found
