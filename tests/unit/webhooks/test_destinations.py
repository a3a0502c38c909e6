"""Where a webhook may go, and where never."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from coinslot.fields import FieldError
from coinslot.webhooks.destinations import check_url, networks, refused

LAN = networks(["192.168.10.0/24", "127.0.0.0/8", "::1/128", "10.0.0.0/8", "fd00::/8"])
NEVER = [
    *(
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "0.1.2.3",
    ),
    *("255.255.255.255", "224.0.0.1", "240.0.0.1", "::", "fe80::1", "ff02::1", "fd00:ec2::254"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
]


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_no_setting_opens_the_way_to_metadata_or_to_the_link_itself(address: str, scheme: str) -> None:
    assert refused(ip_address(address), scheme, LAN)
    assert refused(ip_address(address), scheme, ())


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.10.9", "::1", "fd12::1", "::ffff:127.0.0.1", "64:ff9b::a01:203"],
)
def test_private_addresses_are_called_only_where_the_setting_names_them(address: str) -> None:
    assert not refused(ip_address(address), "http", LAN)
    assert not refused(ip_address(address), "https", LAN)
    assert "COINSLOT_WEBHOOK_NETWORKS" in refused(ip_address(address), "https", ())


@pytest.mark.parametrize("address", ["192.168.11.9", "172.16.0.1", "100.64.0.1"])
def test_a_network_beside_the_named_one_is_not_opened(address: str) -> None:
    assert refused(ip_address(address), "https", LAN)


@pytest.mark.parametrize("address", ["8.8.8.8", "203.1.2.3", "2606:4700::1111"])
def test_public_addresses_are_called_by_https_alone(address: str) -> None:
    assert not refused(ip_address(address), "https", ())
    assert refused(ip_address(address), "http", LAN)


@pytest.mark.parametrize(
    "address",
    [
        *("192.0.2.1", "198.18.0.1", "2001:db8::1", "fec0::1", "5f00::1"),
        # 127.0.0.1 and 169.254.169.254 as IPv6 spells them in places that hosts still translate.
        *("::7f00:1", "::a9fe:a9fe", "64:ff9b:1::7f00:1", "::ffff:0:7f00:1"),
    ],
)
def test_what_is_neither_public_nor_private_is_nobodys(address: str) -> None:
    assert refused(ip_address(address), "https", LAN)


@pytest.mark.parametrize(
    "url",
    [
        *("", "hotel.example", "ftp://hotel.example/", "file:///etc/passwd", "https://", "https:///x"),
        *("https://user:word@hotel.example/", "https://user@hotel.example/", "https://hotel.example/#part"),
        *(
            "https://hotel.example:99999/",
            "https://hotel.example:0/",
            "https://[::1",
            "https://hotel.example/\nX: y",
        ),
        *("https://hotel.example/a b", "https://hötel.example/", "https://hotel.example/" + "x" * 500),
        *(
            "https://169.254.169.254/latest/",
            "https://127.0.0.1/",
            "https://[fe80::1]/",
            "http://hotel.example/",
        ),
    ],
)
def test_what_is_no_endpoint_is_refused_when_it_is_entered(url: str) -> None:
    with pytest.raises(FieldError) as refusal:
        check_url(url)
    assert refusal.value.field == "url"


def test_http_may_be_entered_where_a_network_is_named() -> None:
    assert check_url(" https://hotel.example/hooks?x=1 ") == "https://hotel.example/hooks?x=1"
    assert check_url("http://192.168.10.9:8080/hooks", private=LAN) == "http://192.168.10.9:8080/hooks"
    assert check_url("http://pms.hotel.local/hooks", private=LAN) == "http://pms.hotel.local/hooks"
    with pytest.raises(FieldError):
        check_url("http://8.8.8.8/", private=LAN)


@pytest.mark.parametrize(
    "text", ["", "here", "0.0.0.0/0", "8.0.0.0/8", "169.254.0.0/16", "::/0", "192.168.0.0/8"]
)
def test_only_private_networks_can_be_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"network|private"):
        networks([text])
