"""The notifier ``sqs``: events of a bucket, in a queue of Amazon SQS or of a server like it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ConfigDict, Field, SecretStr, model_validator

from lakefall.contract.errors import LakefallError
from lakefall.contract.hints import Hints, Told
from lakefall.contract.plugin import Options, Plugin, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.units import Duration
from lakefall.contract.values import Check
from lakefall_plugins.notifiers.events import MessageError, buckets_of, hints_of

_BATCH = 10
"""Messages of one request: SQS's own limit."""
_MOST = 1_000
"""Messages that are received and not yet recorded."""
_SHORT = 1
"""Seconds of polling while outcomes are waited for."""


class QueueError(LakefallError):
    """The queue cannot be asked."""

    retryable = True


class SqsOptions(Options):
    """Which queue, and how it is reached."""

    # A refused value may hold a secret.
    model_config = ConfigDict(hide_input_in_errors=True)

    queue_url: str = Field(pattern=r"^https?://\S+/\S+$")
    """The queue's address, such as `https://sqs.eu-west-1.amazonaws.com/123456789012/files`."""
    endpoint_url: str | None = None
    """Address of a server other than AWS that speaks SQS."""
    region: str | None = None
    """Region; without one `AWS_REGION`, `AWS_DEFAULT_REGION` or the profile's, else `us-east-1`."""
    access_key_id: SecretStr | None = None
    """Access key. Without one the standard AWS credential chain is asked."""
    secret_access_key: SecretStr | None = None
    """Secret of the access key."""
    visibility: Duration = Field(default=60.0, ge=10, le=43_200)
    """How long the queue hides a message that is being worked on; prolonged as long as it takes. A
    watcher that dies gives it back after so long."""
    wait: Duration = Field(default=10.0, ge=0, le=20)
    """Long polling: how long a request waits for a message, whole seconds."""

    @model_validator(mode="after")
    def _keys_are_complete(self) -> SqsOptions:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together: give both")
        return self


@dataclass(slots=True)
class _Received:
    """A message whose files are not recorded yet."""

    receipt: str
    told: Told
    prolong_at: float


class Sqs(Plugin[SqsOptions]):
    """Receives the events of S3 from an SQS queue, direct, through SNS or through EventBridge.

    A message is deleted once what became of its files is recorded, or when it is about none. One
    that is no event is left: the queue's redrive policy moves it to the dead letter queue.
    """

    name = "sqs"
    stage = Stage.NOTIFIER
    packages = ("boto3",)
    extra = "s3"

    @hookimpl
    def notify(self, run: Run, hints: Hints) -> None:
        """Poll until the end.

        Raises:
            QueueError: the queue does not exist, does not answer, or does not allow it.
        """
        buckets = buckets_of(run.pipeline)
        under_way: list[_Received] = []
        malformed: dict[str, None] = {}
        with _foreseen(self.options.queue_url):
            self._client.get_queue_attributes(
                QueueUrl=self.options.queue_url, AttributeNames=["QueueArn"]
            )
            hints.begun()
            while not hints.stopped.is_set():
                if len(under_way) > _MOST - _BATCH:
                    hints.stopped.wait(_SHORT)
                else:
                    for message in self._receive(_SHORT if under_way else int(self.options.wait)):
                        try:
                            found = hints_of(message["Body"], buckets)
                        except MessageError as error:
                            self._tell(run, message["MessageId"], error, malformed)
                            continue
                        until = time.monotonic() + self.options.visibility / 2
                        receipt = message["ReceiptHandle"]
                        under_way.append(_Received(receipt, hints.tell(found), until))
                self._delete([one for one in under_way if one.told.recorded])
                under_way = [one for one in under_way if not one.told.recorded]
                self._prolong([one for one in under_way if one.prolong_at <= time.monotonic()])

    @hookimpl
    def check(self) -> Iterable[Check]:
        """Whether the queue answers."""
        subject = f"queue {self.options.queue_url}"
        try:
            with _foreseen(self.options.queue_url):
                answer = self._client.get_queue_attributes(
                    QueueUrl=self.options.queue_url,
                    AttributeNames=["ApproximateNumberOfMessages", "RedrivePolicy"],
                )
        except QueueError as error:
            return [Check(subject, ok=False, message=str(error))]
        told = answer.get("Attributes", {})
        after = "" if "RedrivePolicy" in told else "; no dead letter queue: set a redrive policy"
        message = f"about {told.get('ApproximateNumberOfMessages', '?')} messages wait{after}"
        return [Check(subject, ok=True, message=message)]

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        given = self.options
        session = boto3.Session(
            aws_access_key_id=_shown(given.access_key_id),
            aws_secret_access_key=_shown(given.secret_access_key),
        )
        region = given.region or os.environ.get("AWS_REGION") or session.region_name
        return session.client(
            "sqs",
            region_name=region or "us-east-1",
            endpoint_url=given.endpoint_url,
            config=Config(
                connect_timeout=5,
                read_timeout=given.wait + 10,
                retries={"mode": "standard", "total_max_attempts": 3},
                user_agent_extra="lakefall",
            ),
        )

    def _receive(self, wait: int) -> Sequence[Any]:
        answer = self._client.receive_message(
            QueueUrl=self.options.queue_url,
            MaxNumberOfMessages=_BATCH,
            WaitTimeSeconds=wait,
            VisibilityTimeout=int(self.options.visibility),
        )
        messages: Sequence[Any] = answer.get("Messages", ())
        return messages

    def _delete(self, done: Sequence[_Received]) -> None:
        """A message whose deletion fails comes again, and is found to be done."""
        for some in _batches(done):
            entries = [{"Id": str(n), "ReceiptHandle": m.receipt} for n, m in enumerate(some)]
            self._client.delete_message_batch(QueueUrl=self.options.queue_url, Entries=entries)

    def _prolong(self, due: Sequence[_Received]) -> None:
        seconds = int(self.options.visibility)
        for some in _batches(due):
            entries = [
                {"Id": str(n), "ReceiptHandle": m.receipt, "VisibilityTimeout": seconds}
                for n, m in enumerate(some)
            ]
            self._client.change_message_visibility_batch(
                QueueUrl=self.options.queue_url, Entries=entries
            )
            for message in some:
                message.prolong_at = time.monotonic() + seconds / 2

    def _tell(self, run: Run, name: str, error: MessageError, told: dict[str, None]) -> None:
        """Once for each message: it comes again until the queue gives it up."""
        if name not in told:
            run.warn(f"message {name} of {self.options.queue_url} is left to the queue: {error}")
            told[name] = None
        if len(told) > _MOST:
            told.pop(next(iter(told)))


@contextmanager
def _foreseen(queue: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise QueueError(f"queue {queue}: {error}") from error


def _batches(messages: Sequence[_Received]) -> Iterator[Sequence[_Received]]:
    return (messages[at : at + _BATCH] for at in range(0, len(messages), _BATCH))


def _shown(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
