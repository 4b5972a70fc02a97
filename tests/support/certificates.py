"""A CA, and certificates of servers and clients, good and bad."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import trustme

# Names of the servers, and another one.
_NAMES, _OTHER = ("127.0.0.1", "localhost"), "redis.example"


class Files(NamedTuple):
    """The files of a certificate and its key."""

    cert: str
    key: str


class Certificates:
    """Certificates as files in PEM format.

    Args:
        folder: Folder of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        authority, stranger = trustme.CA(), trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        self.ca = str(folder / "ca.pem")
        past = datetime.now(UTC) - timedelta(days=1)
        self.good = self._files("good", authority.issue_cert(*_NAMES))
        self.expired = self._files("expired", authority.issue_cert(*_NAMES, not_after=past))
        self.other_name = self._files("other", authority.issue_cert(_OTHER))
        self.untrusted = self._files("untrusted", stranger.issue_cert(*_NAMES))
        self.client = self._files("client", authority.issue_cert("client.example"))
        stranger.cert_pem.write_to_path(folder / "self.pem")
        stranger.private_key_pem.write_to_path(folder / "self.key")
        self.self_signed = Files(str(folder / "self.pem"), str(folder / "self.key"))

    def _files(self, name: str, issued: trustme.LeafCert) -> Files:
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(cert)
        issued.private_key_pem.write_to_path(key)
        return Files(str(cert), str(key))
