"""Time-stamp requests, read and answered by OpenSSL."""

import hashlib
import re
import shutil
import subprocess

import pytest

from mlreg_dagster.governance.audit_export.time_stamps import request

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL reads the requests")
CONTENT = b'{"line":"head"}\n'
AUTHORITY = """
[tsa]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
certs = tsa.pem
default_policy = 1.2.3.4
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
[usage]
extendedKeyUsage = critical, timeStamping
"""


@pytest.fixture
def openssl(tmp_path):
    def run(*arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
        return done.stdout if done.returncode == 0 else f"failed: {done.stdout} {done.stderr}"

    (tmp_path / "head.jsonl").write_bytes(CONTENT)
    (tmp_path / "head.tsq").write_bytes(request(CONTENT))
    return run


def test_what_a_request_asks_for(openssl):
    said = openssl("ts", "-query", "-in", "head.tsq", "-text")
    assert "Hash Algorithm: sha256" in said
    assert "Certificate required: yes" in said
    assert "Nonce: 0x01" in said
    digits = " ".join(re.findall(r"^ +00[01]0 - ((?:[0-9a-f]{2}[ -]){16})", said, re.MULTILINE)).replace("-", " ")
    assert bytes.fromhex(digits) == hashlib.sha256(CONTENT).digest()
    assert request(CONTENT) != request(CONTENT)


def test_an_authority_answers_it_and_the_answer_is_verified(openssl, tmp_path):
    (tmp_path / "tsa.conf").write_text(AUTHORITY)
    made = ("-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.pem", "-subj", "/CN=authority")
    assert "failed" not in openssl("req", *made, "-addext", "extendedKeyUsage=critical,timeStamping")
    answer = ("-queryfile", "head.tsq", "-out", "head.tsr", "-config", "tsa.conf", "-section", "tsa")
    assert "failed" not in openssl("ts", "-reply", *answer)
    check = ("ts", "-verify", "-data", "head.jsonl", "-in", "head.tsr", "-CAfile", "tsa.pem")
    assert "failed" not in openssl(*check)
    (tmp_path / "head.jsonl").write_bytes(CONTENT.replace(b"head", b"dead"))
    assert "failed" in openssl(*check)
