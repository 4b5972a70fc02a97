"""A Milvus of any version, as far as creating and opening a collection go.

It answers over gRPC in the form that Milvus 2.3.5 was seen to answer, and keeps the requests. It
stands in for versions that cannot run here, to test what is asked of them.
"""

# ruff: noqa: ARG002, N802 - gRPC names the methods and their arguments

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc, schema_pb2

from tests.support.services.ports import free_port

# Milvus's code for a collection that does not exist.
_NOT_FOUND = 100


class RecordedMilvus(milvus_pb2_grpc.MilvusServiceServicer):
    """Answers of one version.

    Args:
        version: What it reports as its version.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self.created: dict[str, Any] = {}
        # Parameters of each index, by field.
        self.indexes: dict[str, dict[str, str]] = {}
        self.loads: list[Any] = []

    def Connect(self, request: Any, context: Any) -> Any:
        info = common_pb2.ServerInfo(build_tags=self._version)
        return milvus_pb2.ConnectResponse(status=common_pb2.Status(), server_info=info)

    def GetVersion(self, request: Any, context: Any) -> Any:
        return milvus_pb2.GetVersionResponse(status=common_pb2.Status(), version=self._version)

    def AllocTimestamp(self, request: Any, context: Any) -> Any:
        return milvus_pb2.AllocTimestampResponse(status=common_pb2.Status(), timestamp=1)

    def CreateCollection(self, request: Any, context: Any) -> Any:
        self.created[request.collection_name] = request
        return common_pb2.Status()

    def DescribeCollection(self, request: Any, context: Any) -> Any:
        created = self.created.get(request.collection_name)
        if created is None:
            reason = f"collection not found[collection={request.collection_name}]"
            status = common_pb2.Status(code=_NOT_FOUND, error_code=1, reason=reason)
            return milvus_pb2.DescribeCollectionResponse(status=status)
        return milvus_pb2.DescribeCollectionResponse(
            status=common_pb2.Status(),
            schema=schema_pb2.CollectionSchema.FromString(created.schema),
            collectionID=1,
            shards_num=created.shards_num,
            num_partitions=created.num_partitions,
            collection_name=request.collection_name,
        )

    def CreateIndex(self, request: Any, context: Any) -> Any:
        self.indexes[request.field_name] = {each.key: each.value for each in request.extra_params}
        return common_pb2.Status()

    def DescribeIndex(self, request: Any, context: Any) -> Any:
        found = [
            milvus_pb2.IndexDescription(
                index_name=field,
                field_name=field,
                params=[common_pb2.KeyValuePair(key=k, value=v) for k, v in parameters.items()],
                state=common_pb2.IndexState.Finished,
            )
            for field, parameters in self.indexes.items()
            if request.index_name in ("", field)
        ]
        status = common_pb2.Status() if found else common_pb2.Status(code=700, error_code=25)
        return milvus_pb2.DescribeIndexResponse(status=status, index_descriptions=found)

    def GetLoadState(self, request: Any, context: Any) -> Any:
        state = common_pb2.LoadStateLoaded if self.loads else common_pb2.LoadStateNotLoad
        return milvus_pb2.GetLoadStateResponse(status=common_pb2.Status(), state=state)

    def LoadCollection(self, request: Any, context: Any) -> Any:
        self.loads.append(request)
        return common_pb2.Status()

    def GetLoadingProgress(self, request: Any, context: Any) -> Any:
        return milvus_pb2.GetLoadingProgressResponse(status=common_pb2.Status(), progress=100)


@contextmanager
def recorded_milvus(version: str) -> Iterator[tuple[str, RecordedMilvus]]:
    """Serve a version on loopback; yield its address and the server."""
    servicer = RecordedMilvus(version)
    with ThreadPoolExecutor(4) as threads:
        server = grpc.server(threads)
        milvus_pb2_grpc.add_MilvusServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port(f"127.0.0.1:{free_port()}")
        server.start()
        yield f"http://127.0.0.1:{port}", servicer
        server.stop(None).wait()
