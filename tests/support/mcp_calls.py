"""Calls of an MCP server, by the SDK's client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.client import ConnectMode
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import MCPServer
from mcp_types import CallToolResult, Tool

# How ``Client`` connects: to a server in this process, to a program, or to a URL with a key.
Server = MCPServer | StdioServerParameters | tuple[str, str]


def call(server: Server, tool: str, **arguments: Any) -> CallToolResult:
    """Call a tool over a connection of its own."""
    (result,) = call_all(server, (tool, arguments))
    return result


def call_all(server: Server, *calls: tuple[str, dict[str, Any]]) -> list[CallToolResult]:
    """Call tools, one after the other, over one connection."""

    async def run() -> list[CallToolResult]:
        async with _connected(server) as client:
            return [await client.call_tool(tool, arguments) for tool, arguments in calls]

    return asyncio.run(run())


def answer(server: Server, tool: str, **arguments: Any) -> dict[str, Any]:
    """Return the structured answer of a tool, which must succeed."""
    return content_of(call(server, tool, **arguments))


def content_of(result: CallToolResult) -> dict[str, Any]:
    """Return the structured content of a result that is no error."""
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


def refusal(server: Server, tool: str, **arguments: Any) -> str:
    """Return the message of a tool, which must fail."""
    result = call(server, tool, **arguments)
    assert result.is_error
    (content,) = result.content
    assert content.type == "text"
    return content.text


def tools(server: Server, mode: ConnectMode = "auto") -> dict[str, Tool]:
    """Return a server's tools by name; "legacy" is the handshake of older clients."""

    async def run() -> dict[str, Tool]:
        async with _connected(server, mode) as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    return asyncio.run(run())


@asynccontextmanager
async def _connected(server: Server, mode: ConnectMode = "auto") -> AsyncIterator[Client]:
    if not isinstance(server, tuple):
        async with Client(server, mode=mode) as client:
            yield client
        return
    url, key = server
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client
