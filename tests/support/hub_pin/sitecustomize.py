"""Pins a test's own file in every Python process that has this folder on its PYTHONPATH.

OpenAI's weights cannot be downloaded everywhere, and no other file has their checksum.
"""

import os

from worker.encoders.clip.hub import HUB_FILES, HubFile

HUB_FILES["ViT-B/32"] = HubFile(
    HUB_FILES["ViT-B/32"].repository,
    os.environ["TEST_HUB_COMMIT"],
    os.environ["TEST_HUB_SHA256"],
)
