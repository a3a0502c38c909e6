"""The signature against the documentation's own example, and what has to be encoded."""

from __future__ import annotations

import pytest

from coinslot.providers.acs3 import AccessKey, Call, canonical_query, signed_headers

KEY = AccessKey("YourAccessKeyId", "YourAccessKeySecret")


def test_the_documented_example_comes_out_as_documented() -> None:
    query = canonical_query(
        {
            "RegionId": "cn-shanghai",
            "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        }
    )
    call = Call(
        host="ecs.cn-shanghai.aliyuncs.com",
        action="RunInstances",
        version="2014-05-26",
        at="2023-10-26T10:22:32Z",
        nonce="3156853299f313e23d1673dc12e1703d",
    )
    assert signed_headers(KEY, call, query)["authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;"
        "x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("a b", "a%20b"),
        ("*", "%2A"),
        ("~-_.", "~-_."),
        ("/+&=", "%2F%2B%26%3D"),
        ('{"code":"1"}', "%7B%22code%22%3A%221%22%7D"),
        ("阿里", "%E9%98%BF%E9%87%8C"),
    ],
)
def test_everything_but_the_unreserved_characters_is_encoded(text: str, encoded: str) -> None:
    assert canonical_query({"b": text, "A": "1"}) == f"A=1&b={encoded}"


def test_the_secret_is_not_shown() -> None:
    assert "YourAccessKey" not in f"{KEY!r} {KEY}"
