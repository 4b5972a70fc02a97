"""The vector store that the settings select."""

from __future__ import annotations

import re

import pytest

from common.errors import ModelMismatch
from common.settings import Settings
from worker.encoders.hashing import HashingEncoder
from worker.stores.identity import Identity
from worker.stores.memory import MemoryStore
from worker.stores.milvus.store import MilvusStore
from worker.stores.registry import collection_name, open_store


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("ViT-B/32", "images__vit_b_32"),
        ("ViT-L/14@336px", "images__vit_l_14_336px"),
        ("RN50x16", "images__rn50x16"),
        ("starter", "images__starter"),
        ("open_clip:ViT-H-14/laion2b_s32b_b79k", "images__open_clip_vit_h_14_laion2b_s32b_b79k"),
    ],
)
def test_a_model_names_its_collection(model: str, name: str) -> None:
    assert collection_name(model) == name


@pytest.mark.parametrize(
    "models",
    [
        ("open_clip:local-dir:/models/my-clip", "open_clip:local-dir:/models/my_clip"),
        ("open_clip:local-dir:/Models/clip", "open_clip:local-dir:/models/clip"),
        ("open_clip:hf-hub:timm/ViT-B.32", "open_clip:hf-hub:timm/ViT-B-32"),
        (f"open_clip:local-dir:/{'long/' * 100}a", f"open_clip:local-dir:/{'long/' * 100}b"),
        ("open_clip:local-dir:/模型", "open_clip:local-dir:/型模"),
    ],
)
def test_models_of_similar_paths_have_collections_of_their_own(models: tuple[str, str]) -> None:
    names = [collection_name(model) for model in models]
    assert names[0] != names[1]
    assert names == [collection_name(model) for model in models]
    # What Milvus allows.
    assert all(re.fullmatch(r"[a-z_][a-z0-9_]{0,254}", name) for name in names)


def test_stores_of_one_memory_uri_share_their_rows() -> None:
    settings = Settings(milvus_uri="memory://shared")
    one, other = (open_store(settings, HashingEncoder()) for _ in range(2))
    assert isinstance(one, MemoryStore)
    assert isinstance(other, MemoryStore)
    assert one._collection is other._collection
    apart = open_store(Settings(milvus_uri="memory://apart"), HashingEncoder())
    assert isinstance(apart, MemoryStore)
    assert apart._collection is not one._collection


def test_any_other_uri_is_a_milvus_and_nothing_is_connected_yet() -> None:
    store = open_store(Settings(milvus_uri="http://milvus.invalid:19530"), HashingEncoder())
    assert isinstance(store, MilvusStore)
    store.close()


def test_an_identity_is_read_back_from_its_description() -> None:
    identity = Identity("ViT-B/32", "40d365715913", 512)
    assert Identity.read(identity.description()) == identity
    assert identity.description() != identity.description()


def test_the_identity_of_a_collection_without_a_mark_is_read() -> None:
    description = '{"dim": 512, "encoder": "ViT-B/32", "revision": "40d365715913"}'
    assert Identity.read(description) == Identity("ViT-B/32", "40d365715913", 512)


def test_a_collection_of_the_former_revision_is_accepted() -> None:
    encoder = Identity("ViT-B/32", "0123456789ab", 512, ("40d365715913",))
    Identity("ViT-B/32", "0123456789ab", 512).require(encoder)
    Identity("ViT-B/32", "40d365715913", 512).require(encoder)
    assert Identity.read(encoder.description()) == Identity("ViT-B/32", "0123456789ab", 512)


@pytest.mark.parametrize(
    "other",
    [
        Identity("ViT-B/32", "aaaaaaaaaaaa", 512),
        Identity("ViT-B/16", "40d365715913", 512),
        Identity("ViT-B/32", "40d365715913", 768),
    ],
)
def test_a_collection_of_other_vectors_is_refused(other: Identity) -> None:
    with pytest.raises(ModelMismatch):
        other.require(Identity("ViT-B/32", "0123456789ab", 512, ("40d365715913",)))


@pytest.mark.parametrize("description", ["", "my pictures", "[]", "{}", '{"encoder": "x"}', "7"])
def test_a_description_of_another_hand_is_no_identity(description: str) -> None:
    assert Identity.read(description) is None
