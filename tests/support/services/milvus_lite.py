"""Milvus Lite 2.5.1, served on loopback for several processes."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import grpc

from tests.support.services.ports import free_port
from tests.support.services.process import Service


class MilvusLite(Service):
    """Milvus Lite's own server program on one data file."""

    name = "Milvus Lite"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"

    @classmethod
    def absent(cls) -> str | None:
        if not (cls.library() / "milvus").is_file():
            return "the package milvus-lite 2.5.1 is not installed"
        return None

    @classmethod
    def library(cls) -> Path:
        """Return the folder of the program and its shared libraries."""
        # Do not import the package: it needs pkg_resources, which setuptools has dropped.
        spec = importlib.util.find_spec("milvus_lite")
        origin = spec.origin if spec and spec.origin else "absent/__init__.py"
        return Path(origin).parent / "lib"

    def command(self) -> list[str]:
        program = str(self.library() / "milvus")
        return [program, str(self.folder / "milvus.db"), f"127.0.0.1:{self.port}", "ERROR"]

    def environ(self) -> dict[str, str]:
        # The program's own search path names folders of the machine that built it.
        paths = [str(self.library()), os.environ.get("LD_LIBRARY_PATH", "")]
        # Its cache is in its home: instances that start at the same moment need their own.
        return {
            "LD_LIBRARY_PATH": ":".join(path for path in paths if path),
            "HOME": str(self.folder),
            # Errors go to the log, and nothing to the folder for temporary files.
            "GLOG_logtostderr": "1",
            "GLOG_minloglevel": "2",
        }

    def answers(self) -> bool:
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=1)
            except grpc.FutureTimeoutError:
                return False
            return True
