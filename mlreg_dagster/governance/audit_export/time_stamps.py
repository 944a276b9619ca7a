"""Time-stamp requests (RFC 3161): a third party confirms that a head was there at a time, without seeing the log.

Sending a request and verifying the answer is left to OpenSSL or any other client; see docs/how-to/audit.md.
"""

import hashlib
import secrets

_SEQUENCE, _INTEGER, _OCTETS, _BOOLEAN = 0x30, 0x02, 0x04, 0x01
_SHA256 = bytes.fromhex("06096086480165030402010500")  # its object identifier, and no parameters
_NONCE_BYTES = 8


def request(content: bytes) -> bytes:
    """A TimeStampReq in DER, for the SHA-256 of a content; it asks for the authority's certificate."""
    digest = hashlib.sha256(content).digest()
    nonce = bytes([1]) + secrets.token_bytes(_NONCE_BYTES)  # positive, and in its shortest form
    imprint = _der(_SEQUENCE, _der(_SEQUENCE, _SHA256) + _der(_OCTETS, digest))
    return _der(_SEQUENCE, _der(_INTEGER, b"\x01") + imprint + _der(_INTEGER, nonce) + _der(_BOOLEAN, b"\xff"))


def _der(tag: int, content: bytes) -> bytes:
    """Of at most 127 bytes, as everything here is."""
    return bytes([tag, len(content)]) + content
