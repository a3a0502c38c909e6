"""The AsyncAPI 3 document: channels, operations from the terminal's side, messages and schemas."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coinslot.wire.codec import encode
from coinslot.wire.documents.examples import EXAMPLES
from coinslot.wire.documents.schemas import components
from coinslot.wire.documents.source import DOWN, UP, Json, StructType, purpose, tag
from coinslot.wire.messages import MAX_MESSAGE_BYTES, Gone
from coinslot.wire.topics import ROOT, VERSION, Channel

_TERMINAL: Json = {"description": "The terminal's id, which is also its user name."}
_SENT_UP = tuple(kind for kind in UP if kind is not Gone)


def document() -> dict[str, Json]:
    """The whole link as one AsyncAPI 3.0.0 document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "coinslot terminal link",
            "version": f"{VERSION}.0.0",
            "description": (
                "How an appliance's controller and the server talk: MQTT 3.1.1 over TLS, quality of service 0, "
                f"one JSON object of at most {MAX_MESSAGE_BYTES} bytes to a message. See README.md beside this."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "{host}:8883",
                "protocol": "secure-mqtt",
                "protocolVersion": "3.1.1",
                "variables": {
                    "host": {"default": "localhost", "description": "Where the operator's server is."}
                },
                "security": [{"$ref": "#/components/securitySchemes/terminal"}],
                "bindings": {
                    "mqtt": {
                        "cleanSession": True,
                        "keepAlive": 60,
                        "lastWill": {
                            "topic": f"{ROOT}/{VERSION}/{{terminal}}/{Channel.GONE.value}",
                            "qos": 0,
                            "message": '{"type":"gone","link":1}',
                            "retain": False,
                        },
                        "bindingVersion": "0.2.0",
                    }
                },
            }
        },
        "channels": {
            Channel.UP.value: _channel(Channel.UP, _SENT_UP, "What a terminal says."),
            Channel.DOWN.value: _channel(Channel.DOWN, DOWN, "What a terminal hears."),
            Channel.GONE.value: _channel(Channel.GONE, (Gone,), "A terminal's last will."),
        },
        "operations": {
            "speak": _operation("send", Channel.UP, _SENT_UP, "The terminal publishes."),
            "hear": _operation("receive", Channel.DOWN, DOWN, "The terminal subscribes."),
            "leave": _operation("send", Channel.GONE, (Gone,), "The broker publishes the will."),
        },
        "components": {
            "securitySchemes": {
                "terminal": {"type": "userPassword", "description": "The terminal's id and its own secret."}
            },
            "messages": {tag(kind): _message(kind) for kind in (*UP, *DOWN)},
            "schemas": _draft_7(components("#/components/schemas/{name}")),
        },
    }


def _channel(channel: Channel, kinds: Sequence[StructType], text: str) -> Json:
    return {
        "address": f"{ROOT}/{VERSION}/{{terminal}}/{channel.value}",
        "description": text,
        "parameters": {"terminal": _TERMINAL},
        "messages": {tag(kind): {"$ref": f"#/components/messages/{tag(kind)}"} for kind in kinds},
    }


def _operation(action: str, channel: Channel, kinds: Sequence[StructType], text: str) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel.value}"},
        "summary": text,
        "messages": [{"$ref": f"#/channels/{channel.value}/messages/{tag(kind)}"} for kind in kinds],
        "bindings": {"mqtt": {"qos": 0, "retain": False, "bindingVersion": "0.2.0"}},
    }


def _message(kind: StructType) -> Json:
    return {
        "name": tag(kind),
        "summary": purpose(kind),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "examples": [
            {"name": example.name, "payload": msgspec.json.decode(encode(example.message))}
            for example in EXAMPLES
            if type(example.message) is kind
        ],
    }


def _draft_7(schemas: dict[str, Json]) -> dict[str, Json]:
    """AsyncAPI's own schema dialect is of draft 7, where a tuple's places are in `items`."""
    for schema in schemas.values():
        if isinstance(schema, dict) and "prefixItems" in schema:
            schema["items"] = schema.pop("prefixItems")
    return schemas
