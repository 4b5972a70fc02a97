"""Real parts that tests start: Valkey, Redis, Milvus Lite and the Milvus server."""

from tests.services.fleet import Fleet
from tests.services.glimpse import Api, Stack, Worker, two_apis
from tests.services.milvus_lite import MilvusLite
from tests.services.milvus_server import MilvusServer
from tests.services.ports import free_port
from tests.services.process import Service, ServiceNotStarted
from tests.services.redis_server import RedisServer
from tests.services.skewed import SkewedApi, SkewedWorker
from tests.services.slow_worker import DeadlyDeleter, DeadlyWorker, SlowWorker
from tests.services.valkey import Valkey
from tests.services.zombies import Zombies

__all__ = [
    "Api",
    "DeadlyDeleter",
    "DeadlyWorker",
    "Fleet",
    "MilvusLite",
    "MilvusServer",
    "RedisServer",
    "Service",
    "ServiceNotStarted",
    "SkewedApi",
    "SkewedWorker",
    "SlowWorker",
    "Stack",
    "Valkey",
    "Worker",
    "Zombies",
    "free_port",
    "two_apis",
]
