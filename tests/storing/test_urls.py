"""What a URL may be, decided before any library sees it: nobody is connected to, and no password is repeated."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lighterage.schemas.url import BadUrl, Location, checked_endpoint, location
from lighterage.storing import StoreError, open_store

from ..conftest import Project

HOSTILE = [
    "zip::s3://key:hunter2@b",
    "simplecache::file:///etc/passwd",
    "s3://bucket/a::file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "https://user:hunter2@host/x",
    "ftp://host/x",
    "github://org:repo@main/x",
    "reference://x",
    "jupyter://hunter2@host/x",
    "hdfs://host/x",
    "sftp://host/x",
    "smb://user:hunter2@host/x",
    "data:text/plain,x",
    "dir://x",
    "S3://bucket/x",
    "s3:bucket/x",
    "s3:/bucket/x",
    "s3://",
    "s3:///x",
    "s3://key:hunter2@bucket/x",
    "s3://hunter2@bucket/x",
    "gs://bucket:443/x",
    "s3://bucket/x?endpoint_url=http://169.254.169.254",
    "s3://bucket/x#hunter2",
    "s3://bucket/../other",
    "s3://bucket/a/%2e%2e/%2e%2e/other",
    "s3://bucket/./a",
    "s3://169.254.169.254/latest",
    "s3://0xa9fea9fe/latest",
    "s3://2852039166/latest",
    "gs://metadata.google.internal/computeMetadata",
    "gs://metadata.google.internal./computeMetadata",
    "az://[fd00:ec2::254]/x",
    "abfs://container@evil.example/x",
    "abfs://container@account.dfs.core.windows.net.evil.example/x",
    "abfs://container:hunter2@account/x",
    "abfs://container@account@evil/x",
    "file://host/x",
    "s3://bucket/a\nb",
    "s3://bucket/\u202egnp",
    "s3://bucket/a\x00b",
    "",
    "  ",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_urls_are_refused(url: str) -> None:
    with pytest.raises(BadUrl) as data:
        location(url)
    with pytest.raises(StoreError) as store:
        open_store(url)
    assert "hunter2" not in f"{data.value} {store.value}"


@pytest.mark.parametrize(
    "url", ["s3://bucket/a b", "s3://bucket/ü", "gs://bucket/a//b", "s3://bucket/a*b", "s3://bucket/[x]"]
)
def test_a_stores_folder_has_a_plain_name(url: str) -> None:
    assert location(url).path
    with pytest.raises(StoreError, match="named with letters"):
        open_store(url)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("s3://bucket/a/b", Location("s3", "bucket", "a/b")),
        ("gs://my_bucket.example", Location("gs", "my_bucket.example", "")),
        ("az://container/", Location("az", "container", "")),
        ("abfs://container@account/x", Location("abfs", "container", "x", "account")),
        (
            "abfs://container@account.dfs.core.windows.net/x",
            Location("abfs", "container", "x", "account.dfs.core.windows.net"),
        ),
        ("s3://bucket/ü [x]*%20.csv", Location("s3", "bucket", "ü [x]*%20.csv")),
        ("file:///data/x", Location("file", "", "/data/x")),
        ("memory://name/x", Location("memory", "name", "x")),
        ("../data/a.csv", Location("file", "", "../data/a.csv")),
    ],
)
def test_parts(url: str, parts: Location) -> None:
    assert location(url) == parts


METADATA = [
    "http://169.254.169.254",
    "http://169.254.170.2/v2",
    "http://0xa9fea9fe/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0251.0376.0251.0376/",
    "http://2852039166/",
    "http://169.16689662/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://0.0.0.0/",
    "http://metadata/",
    "http://metadata.google.internal",
    "http://METADATA.google.internal./",
    "http://instance-data.ec2.internal/",
    "http://100.100.100.200/",
]


@pytest.mark.parametrize("endpoint", METADATA)
def test_metadata_servers_are_no_storage(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadUrl, match="metadata server"):
        checked_endpoint(endpoint)
    for name in ("AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST"):
        monkeypatch.setenv(name, endpoint)
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING", f"AccountName=a;AccountKey=aHVudGVyMg==;BlobEndpoint={endpoint}"
    )
    for url in ("s3://bucket/x", "gs://bucket/x", "az://bucket/x"):
        with pytest.raises(StoreError, match="metadata server"):
            open_store(url)


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://host", "host", "http://", "http://user:hunter2@host", "http://host/?a=b", "http://host:99999", ""],
)
def test_endpoints_that_are_none(endpoint: str) -> None:
    with pytest.raises(BadUrl) as refusal:
        checked_endpoint(endpoint)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "https://s3.registry.example", "http://[::1]:9000/base"])
def test_endpoints_that_are_some(endpoint: str) -> None:
    assert checked_endpoint(endpoint) == endpoint


def test_the_command_line_refuses_before_a_library_is_loaded(adding: Project) -> None:
    adding.workflow("a: {uses: ./add, with: {value: 1}}")
    said = adding.call("run", "flow.yaml", "--store", "zip::s3://key:hunter2@b", code=4).stderr
    assert "chains protocols" in said and "hunter2" not in said


@pytest.mark.parametrize("url", ["s3://bucket/x?sig=hunter2", "reference://b", "s3://hunter2:hunter2@b", "gs://b::x"])
def test_an_environment_names_a_store_that_can_be_one(adding: Project, url: str) -> None:
    adding.write(
        {
            "there.yaml": f"""\
            apiVersion: lighterage/v1
            kind: Environment
            name: there
            store: {{url: "{url}"}}
            sites: {{here: {{target: local}}}}
            """
        }
    )
    adding.workflow("a: {uses: ./add, with: {value: 1}}")
    told = adding.call("validate", "flow.yaml", "-e", "there.yaml", code=2)
    assert "there.yaml:4:" in told.stdout + told.stderr


def test_without_the_libraries_the_extra_is_named(tmp_path: Path) -> None:
    """obstore is hidden in a process of its own."""
    code = (
        "import sys; sys.modules['obstore'] = None\n"
        "from lighterage.cli import main\n"
        "sys.argv = ['lighterage', 'runs', '--store', 's3://bucket/x']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "pip install 'lighterage[s3]'" in done.stderr, done.stderr
