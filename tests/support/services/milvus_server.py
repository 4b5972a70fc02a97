"""The Milvus server 2.3.5, a standalone from the wheel `milvus`."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

from filelock import FileLock

from tests.support.services.ports import free_port
from tests.support.services.process import Service

# The environment variable that names a folder for the programs, for processes that share it.
PROGRAMS = "TEST_MILVUS_PROGRAMS"

# Deviations from Milvus's defaults. A strong read waits for the next time tick, every
# 200 ms by default. Without the interim index, rows that are not yet indexed are searched
# by brute force, which misses none of the nearest. After a kill, components wait for the
# sessions of their predecessors to expire, 30 s by default.
_SETTINGS = {
    "proxy.timeTickInterval": 50,
    "queryNode.segcore.interimIndex.enableIndex": "false",
    "common.session.ttl": 10,
}


class MilvusServer(Service):
    """Milvus standalone with embedded etcd and message queue.

    The wheel's launcher finds free ports by binding them, so it picks other ports after a
    restart while the old ones are in TIME_WAIT. This class uses its unpacking and
    configuration, and runs the program directly.
    """

    name = "Milvus server"
    start_s = 120.0
    # A clean shutdown takes minutes once it has rows. Killing it is safe: acknowledged writes are
    # in its log.
    stop_s = 1.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.uri = f"http://{self.address}:{self.port}"
        self._health_port = free_port()
        self._configure()

    @classmethod
    def absent(cls) -> str | None:
        if importlib.util.find_spec("milvus") is None:
            return "the package milvus 2.3.5 is not installed (it exists for Linux x86-64)"
        return None

    def command(self) -> list[str]:
        return [str(_programs() / "milvus"), "run", "standalone"]

    def environ(self) -> dict[str, str]:
        paths = [str(_programs()), os.environ.get("LD_LIBRARY_PATH", "")]
        return {
            "DEPLOY_MODE": "STANDALONE",
            "ETCD_CONFIG_PATH": str(self._etcd_config),
            "LD_LIBRARY_PATH": ":".join(path for path in paths if path),
            "METRICS_PORT": str(self._health_port),
            "MILVUS_RUN_DIR": str(self.folder / "run"),
        }

    def answers(self) -> bool:
        url = f"http://{self.address}:{self._health_port}/healthz"
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                return b"OK" in response.read()
        except (urllib.error.URLError, OSError):
            return False

    @property
    def _etcd_config(self) -> Path:
        return self.folder / "configs" / "etcd.yaml"

    def _configure(self) -> None:
        import milvus

        config = milvus.MilvusServerConfig(data_dir=str(self.folder))
        config.resolve_storage()
        for key in config.configurable_items:
            if key.endswith("_port"):
                config.set(key, free_port())
        config.set("proxy_port", self.port)
        for key, value in _SETTINGS.items():
            config.set(key, value)
        config.write_config()
        # Without this file, the embedded etcd uses its default ports despite Milvus's settings.
        client, peer = (
            f"http://127.0.0.1:{port}" for port in (config.get("etcd_port"), free_port())
        )
        self._etcd_config.write_text(
            f"listen-client-urls: {client}\nadvertise-client-urls: {client}\n"
            f"listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\n"
            f"initial-cluster: default={peer}\n"
        )


def unpack_milvus() -> None:
    """Unpack the programs before they are needed, if they are installed."""
    if MilvusServer.absent() is None:
        _programs()


@cache
def _programs() -> Path:
    """Return the folder of the wheel's programs, unpacked once: that takes five seconds."""
    import milvus

    folder = Path(os.environ.get(PROGRAMS) or _own_folder())
    unpacked = folder / "unpacked"
    with FileLock(folder / "lock"):
        if not unpacked.exists():
            milvus._initialize_data_files(str(folder))
            unpacked.touch()
    return folder / "bin"


def _own_folder() -> str:
    folder = tempfile.mkdtemp(prefix="milvus-")
    atexit.register(shutil.rmtree, folder)
    return folder
