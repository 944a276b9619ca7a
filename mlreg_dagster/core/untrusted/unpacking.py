"""Unpacking within a limit: a few kilobytes of gzip can stand for gigabytes."""

import zlib

LARGEST_PAYLOAD = 32 << 20
"""Bytes of one payload, as received and as unpacked. The largest that a source sends has some 3 MB."""

_GZIP = 31  # window bits of zlib: a gzip header


class TooLarge(ValueError):
    """More bytes than the limit allows."""


class Receiver:
    """Takes the pieces of a payload, packed or not, and never holds more than a limit.

    Args:
        largest: At most so many bytes, packed and unpacked.
        packed: Whether the pieces are gzip.

    Attributes:
        body: What was unpacked up to now.
    """

    def __init__(self, largest: int, packed: bool) -> None:
        self.body = bytearray()
        self._largest = largest
        self._received = 0
        self._unpacker = zlib.decompressobj(_GZIP) if packed else None

    def take(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            TooLarge: It is one too many; `body` holds what came before the limit.
            zlib.error: It is no gzip.
        """
        self._received += len(piece)
        if self._unpacker is None:
            self._keep(piece)
        while self._unpacker is not None and piece:
            self._keep(self._unpacker.decompress(piece, self._largest + 1 - len(self.body)))
            piece = self._unpacker.unconsumed_tail
        if self._received > self._largest:
            raise TooLarge(f"more than {self._largest:,} bytes were received")

    def finish(self) -> bytes:
        """The whole body.

        Raises:
            EOFError: Its end is missing.
        """
        if self._unpacker is not None and not self._unpacker.eof:
            raise EOFError("the end of the gzip stream is missing")
        if self._unpacker is not None and self._unpacker.unused_data:
            raise zlib.error("something follows the end of the gzip stream")
        return bytes(self.body)

    def _keep(self, content: bytes) -> None:
        room = self._largest - len(self.body)
        self.body += content[:room]
        if len(content) > room:
            raise TooLarge(f"it has more than {self._largest:,} bytes")
