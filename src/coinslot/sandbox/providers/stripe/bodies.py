"""What may be asked for, as forms with brackets, checked as the provider checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from coinslot.sandbox.providers.stripe.refused import wrong

_T = TypeVar("_T")
_KEY: Final = re.compile(r"[^\[\]]+|(?<=\[)[^\[\]]*(?=\])")
_CURRENCY: Final = re.compile(r"[a-z]{3}")
_LEAST: Final = {
    "usd": 50,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "jpy": 50,
    "sgd": 50,
    "aud": 50,
    "cad": 50,
    "chf": 50,
    "dkk": 250,
    "sek": 300,
    "nok": 300,
    "mxn": 1000,
    "myr": 200,
    "pln": 200,
}
"""Those that the documentation lists."""
_MOST: Final = 99_999_999
_LEAST_LIFE_S: Final = 1800
_MOST_LIFE_S: Final = 86_400
_MOST_METADATA: Final = 50

_Node: TypeAlias = "dict[str, _Node] | list[_Node] | str"


class _Body(Struct, forbid_unknown_fields=True):
    """Anything that is not here is refused."""


class Toggle(_Body):
    """On or off."""

    enabled: bool


class ProductData(_Body):
    """What is bought."""

    name: str


class PriceData(_Body):
    """What one of it costs."""

    currency: str
    unit_amount: int
    product_data: ProductData


class LineItem(_Body):
    """How much is bought of what."""

    price_data: PriceData
    quantity: int = 1


class IntentData(_Body):
    """What the payment itself is to carry."""

    metadata: dict[str, str] = {}
    description: str = ""


class SessionBody(_Body):
    """A page to pay on."""

    mode: str
    line_items: list[LineItem]
    success_url: str = ""
    cancel_url: str = ""
    client_reference_id: str | None = None
    metadata: dict[str, str] = {}
    payment_intent_data: IntentData | None = None
    allowed_payment_method_types: list[str] | None = None
    adaptive_pricing: Toggle | None = None
    expires_at: int | None = None
    expand: list[str] = []

    @property
    def currency(self) -> str:
        """All items have the same."""
        return self.line_items[0].price_data.currency

    @property
    def total(self) -> int:
        """In the wire's minor units."""
        return sum(each.quantity * each.price_data.unit_amount for each in self.line_items)


class RefundBody(_Body):
    """Money back."""

    payment_intent: str
    amount: int | None = None
    reason: str | None = None
    metadata: dict[str, str] = {}
    expand: list[str] = []


class EndpointBody(_Body):
    """Where events are to be sent."""

    url: str
    enabled_events: list[str]
    description: str = ""


class Nothing(_Body):
    """No parameters but how the answer is to look."""

    expand: list[str] = []


class Between(_Body):
    """Moments in seconds since 1970."""

    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None

    def holds(self, moment: int) -> bool:
        """Whether this one is meant."""
        return (
            (self.gt is None or moment > self.gt)
            and (self.gte is None or moment >= self.gte)
            and (self.lt is None or moment < self.lt)
            and (self.lte is None or moment <= self.lte)
        )


class ListQuery(_Body):
    """Part of a list."""

    limit: int = 10
    starting_after: str = ""
    ending_before: str = ""
    created: Between | None = None
    payment_intent: str = ""
    expand: list[str] = []


def read(text: str, kind: type[_T]) -> _T:
    """A form or a query. Refused."""
    pairs = parse_qsl(text, keep_blank_values=True)
    if any(key.partition("[")[0] == "payment_method_types" for key, _ in pairs):
        raise wrong(
            "payment_method_types_no_longer_supported", "payment_method_types", "payment_method_types"
        )
    try:
        return msgspec.convert(_nested(pairs), kind, strict=False)
    except msgspec.ValidationError as error:
        code = "parameter_unknown" if "unknown field" in str(error) else "parameter_invalid"
        raise wrong(code, str(error)) from None


def check_session(body: SessionBody, now_s: int) -> None:
    """Refused by the documented limits."""
    if body.mode != "payment":
        raise wrong("parameter_invalid", "only payments are made up here", "mode")
    if not body.success_url.startswith(("https://", "http://")):
        raise wrong("url_invalid", "success_url is needed", "success_url")
    currencies = {each.price_data.currency for each in body.line_items}
    if not body.line_items or len(currencies) != 1 or not all(map(_CURRENCY.fullmatch, currencies)):
        raise wrong("parameter_invalid", "one currency, in small letters", "line_items")
    if any(each.quantity < 1 or each.price_data.unit_amount < 0 for each in body.line_items):
        raise wrong("parameter_invalid_integer", "quantity and unit_amount", "line_items")
    if body.total < _LEAST.get(body.currency, 1):
        raise wrong("amount_too_small", "less than the least charge")
    if body.total > _MOST:
        raise wrong("amount_too_large", "more than the most")
    if len(body.client_reference_id or "") > 200:
        raise wrong("parameter_invalid", "at most 200 characters", "client_reference_id")
    check_metadata(body.metadata)
    if body.payment_intent_data is not None:
        check_metadata(body.payment_intent_data.metadata)
    if body.expires_at is not None and not _LEAST_LIFE_S <= body.expires_at - now_s <= _MOST_LIFE_S:
        raise wrong("parameter_invalid", "from 30 minutes to 24 hours from now", "expires_at")


def check_metadata(metadata: dict[str, str]) -> None:
    """Refused by the documented limits."""
    if len(metadata) > _MOST_METADATA or any(
        len(name) > 40 or len(value) > 500 for name, value in metadata.items()
    ):
        raise wrong("parameter_invalid", "50 keys of 40 characters with 500 each", "metadata")


def _nested(pairs: Iterable[tuple[str, str]]) -> _Node:
    root: dict[str, _Node] = {}
    for key, value in pairs:
        path = _KEY.findall(key)
        if not path or len(path) > 8:
            raise wrong("parameter_unknown", "a name that is none")
        node = root
        for step in path[:-1]:
            inner = node.setdefault(step, {})
            if not isinstance(inner, dict):
                raise wrong("parameter_invalid", "a value and a table of the same name")
            node = inner
        last = path[-1] or str(len(node))
        node[last] = value
    return _listed(root)


def _listed(node: _Node) -> _Node:
    if not isinstance(node, dict):
        return node
    if node and all(key.isdecimal() for key in node):
        return [_listed(node[key]) for key in sorted(node, key=int)]
    return {key: _listed(value) for key, value in node.items()}
