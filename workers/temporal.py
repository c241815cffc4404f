"""The Temporal client, and what the program sets up in a namespace by itself: search attributes and retention."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client, Interceptor
from temporalio.common import SearchAttributeIndexedValueType
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from workers.settings import Settings
from workflows import search_attributes

log = logging.getLogger(__name__)

LAST_CALL_PAUSE_SECONDS = 0.3
"""A Python process that ends right after its last call to Temporal may abort at exit (sdk-python issue 300)."""

_TYPES = {
    SearchAttributeIndexedValueType.KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    SearchAttributeIndexedValueType.INT: IndexedValueType.INDEXED_VALUE_TYPE_INT,
    SearchAttributeIndexedValueType.DATETIME: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}


async def connect(
    settings: Settings, lazy: bool = False, interceptors: Sequence[Interceptor] = (), identity: str | None = None
) -> Client:
    """`lazy`: connects at the first call, so that the API starts while Temporal is down. `identity` stands in
    histories; None: process and machine."""
    key = settings.temporal_api_key
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        api_key=key.get_secret_value() if key else None,
        tls=settings.temporal_tls,
        data_converter=pydantic_data_converter,
        interceptors=interceptors,
        lazy=lazy,
        identity=identity,
    )


async def connect_when_up(settings: Settings, interceptors: Sequence[Interceptor] = ()) -> Client:
    """Waits for Temporal with growing pauses: a worker that starts before its server is no error."""
    pause = 0.2
    while True:
        try:
            return await connect(settings, interceptors=interceptors)
        except RuntimeError as error:
            log.warning("Temporal at %s does not answer (%s); trying again", settings.temporal_address, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10)


async def leave() -> None:
    """The last thing a short-lived client does; see LAST_CALL_PAUSE_SECONDS."""
    await asyncio.sleep(LAST_CALL_PAUSE_SECONDS)


async def prepare_namespace(client: Client, retention: timedelta) -> list[str]:
    """Registers missing search attributes and raises the retention. Returns what could not be done, as sentences."""
    complaints = []
    for step in (_register_search_attributes(client), _raise_retention(client, retention)):
        try:
            await step
        except RPCError as error:
            complaints.append(f"{error.status.name}: {error.message}")
    return complaints


async def missing_search_attributes(client: Client) -> list[str]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = await client.operator_service.list_search_attributes(request)
    return [key.name for key in search_attributes.ALL if key.name not in known.custom_attributes]


async def retention_of(client: Client) -> timedelta:
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    return answer.config.workflow_execution_retention_ttl.ToTimedelta()


async def _register_search_attributes(client: Client) -> None:
    missing = set(await missing_search_attributes(client))
    wanted = {key.name: _TYPES[key.indexed_value_type] for key in search_attributes.ALL if key.name in missing}
    if not wanted:
        return
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=wanted)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        # Another worker was faster.
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise
    while await missing_search_attributes(client):  # noqa: ASYNC110 - the server does not say when it is ready
        await asyncio.sleep(0.05)


async def _raise_retention(client: Client, wanted: timedelta) -> None:
    if await retention_of(client) >= wanted:
        return
    config = NamespaceConfig()
    duration = Duration()
    duration.FromTimedelta(wanted)
    config.workflow_execution_retention_ttl.CopyFrom(duration)
    await client.workflow_service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=config))
