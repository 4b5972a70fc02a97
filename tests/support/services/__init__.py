"""Real services that tests start: Valkey, Redis, Milvus and Glimpse's own processes."""

from tests.support.services.celery_tools import CeleryWorker, Flower, celery
from tests.support.services.fleet import Fleet
from tests.support.services.glimpse import Api, Stack, Worker, two_apis
from tests.support.services.milvus_lite import MilvusLite
from tests.support.services.milvus_server import MilvusServer
from tests.support.services.ports import free_port
from tests.support.services.process import Service, ServiceNotStarted
from tests.support.services.prometheus import Prometheus, promtool
from tests.support.services.redis_server import RedisServer
from tests.support.services.replicated import ReplicatedValkey
from tests.support.services.seaweedfs import SeaweedFS
from tests.support.services.skewed import SkewedApi, SkewedWorker
from tests.support.services.slow_worker import (
    DeadlyDeleter,
    DeadlyWorker,
    MortalWorker,
    SecondWorker,
    SlowWorker,
)
from tests.support.services.tls_redis import TlsRedis
from tests.support.services.valkey import Valkey
from tests.support.services.zombies import Zombies

__all__ = [
    "Api",
    "CeleryWorker",
    "DeadlyDeleter",
    "DeadlyWorker",
    "Fleet",
    "Flower",
    "MilvusLite",
    "MilvusServer",
    "MortalWorker",
    "Prometheus",
    "RedisServer",
    "ReplicatedValkey",
    "SeaweedFS",
    "SecondWorker",
    "Service",
    "ServiceNotStarted",
    "SkewedApi",
    "SkewedWorker",
    "SlowWorker",
    "Stack",
    "TlsRedis",
    "Valkey",
    "Worker",
    "Zombies",
    "celery",
    "free_port",
    "promtool",
    "two_apis",
]
