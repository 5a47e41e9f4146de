"""A run as soon as a queue tells of a file: an asset, which Airflow's own message-queue trigger
watches.

A message only starts a run. The run lists the source, as any other: a lost, repeated or late
message costs time and no file, and the cron stays to find what no message told.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from lakefall.contract.configuration import Events
from lakefall.contract.errors import MissingExtraError

if TYPE_CHECKING:
    from airflow.sdk import Asset, AssetOrTimeSchedule

_AMAZON = "'apache-airflow-providers-amazon[aiobotocore]'"
_PACKAGES = {
    "airflow.providers.common.messaging": "apache-airflow-providers-common-messaging",
    "airflow.providers.amazon": _AMAZON,
    # Of an extra of the provider: without it the triggerer fails at every try, and no run comes.
    "aiobotocore": _AMAZON,
}
_POLLING = 5
"""Seconds for which one request waits for a message."""
_PAUSE = 1
"""Seconds between two requests; the trigger's own default is a minute."""
_BATCH = 10
"""Messages of one request: SQS's own limit."""


def schedule_of(name: str, cron: str, events: Events) -> AssetOrTimeSchedule:
    """Runs by the cron, and for messages of the queue.

    Raises:
        MissingExtraError: packages of Airflow are missing.
        Exception: the cron, or what Airflow's trigger is given, is no good.
    """
    from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable

    if missing := dict.fromkeys(pip for module, pip in _PACKAGES.items() if not _there(module)):
        raise MissingExtraError(
            "needs packages that are missing here, where DAGs are parsed and triggers run: "
            f"pip install {' '.join(missing)}"
        )
    timetable = CronTriggerTimetable(cron, timezone="UTC")
    timetable.validate()
    return AssetOrTimeSchedule(timetable=timetable, assets=[_asset(name, events)])


def _asset(name: str, events: Events) -> Asset:
    from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger
    from airflow.sdk import Asset, AssetWatcher

    trigger = MessageQueueTrigger(
        scheme=events.use,
        sqs_queue=events.queue_url,
        aws_conn_id=events.conn_id,
        region_name=events.region or None,
        max_messages=_BATCH,
        wait_time_seconds=_POLLING,
        waiter_delay=_PAUSE,
    )
    # What its provider does not take is an error here; later the DAG would vanish without one.
    trigger.serialize()
    asset = f"{name}_events"
    return Asset(asset, watchers=[AssetWatcher(name=asset, trigger=trigger)])


def _there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False
