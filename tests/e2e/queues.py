"""Queues of SQS and their messages, on a server that speaks SQS and S3 in this process."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import quote_plus

BUCKET = "files"
KEYS = {"access_key_id": "any", "secret_access_key": "any-secret"}


def s3_event(key: str, bucket: str = BUCKET, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    about = {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/"), "size": 3}}
    return {"Records": [{"eventSource": "aws:s3", "eventName": name, "s3": about}]}


@cache
def server() -> str:
    """A server that speaks SQS and S3, in this process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    return "http://{}:{}".format(*started.get_host_and_port())


@cache
def client(service: str) -> Any:
    import boto3

    keys = {f"aws_{name}": value for name, value in KEYS.items()}
    return boto3.client(service, endpoint_url=server(), region_name="us-east-1", **keys)


def queue(**attributes: str) -> dict[str, Any]:
    """A new queue, as the options of the notifier say it."""
    name = uuid.uuid4().hex
    url = client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return {"queue_url": url, "endpoint_url": server(), **KEYS, "wait": 1}


def send(options: dict[str, Any], *bodies: str) -> None:
    for body in bodies:
        client("sqs").send_message(QueueUrl=options["queue_url"], MessageBody=body)


def counted(url: str) -> tuple[int, int]:
    """Messages that wait, and messages that are being worked on."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(told[names[0]]), int(told[names[1]])


def until(holds: Callable[[], object], timeout: float = 40.0) -> None:
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
