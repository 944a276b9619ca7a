"""The mirror of the newest hour on an object store: replaced as a whole, and seen by another host at once."""

import pytest

from mlreg_dagster.storage.mirror import Mirror, MirrorError
from mlreg_dagster.storage.object_faults import StoreRefused

pytestmark = pytest.mark.slow


def test_another_host_sees_what_was_replaced(s3_bucket):
    writer, reader = Mirror(f"s3://{s3_bucket}/latest"), Mirror(f"s3://{s3_bucket}/latest")
    assert reader.stamp("a.json") is None
    with pytest.raises(FileNotFoundError):
        reader.read("a.json")
    from s3fs import S3FileSystem

    elsewhere = S3FileSystem(skip_instance_cache=True)  # knows nothing of what others have listed
    stamps = []
    for content in (b"first", b"other", b""):
        elsewhere.pipe_file(f"{s3_bucket}/latest/a.json", content)
        stamps.append(reader.stamp("a.json"))
        assert reader.read("a.json") == content
    assert len(set(stamps)) == 3
    writer.replace("a.json", b"by us")
    assert reader.read("a.json") == b"by us"
    writer.remove("a.json")
    writer.remove("a.json")
    assert reader.stamp("a.json") is None


def test_a_store_that_is_not_there_is_said(s3_bucket):  # noqa: ARG001 - its variables lead to the server
    mirror = Mirror("s3://no-such-bucket/latest")
    with pytest.raises(StoreRefused, match="no such bucket"):
        mirror.replace("a.json", b"")
    with pytest.raises((MirrorError, FileNotFoundError)):
        mirror.read("a.json")
