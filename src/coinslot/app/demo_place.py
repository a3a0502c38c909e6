"""Where everything of a running demo is, and what to try first: for its picture and its first lines."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from pathlib import Path

from coinslot.app.demo_home import calling
from coinslot.app.demo_house import House
from coinslot.app.demo_picture import Place
from coinslot.app.demo_world import World
from coinslot.app.serve import Progress
from coinslot.app.settings import default_data_dir
from coinslot.engines.broker import BrokerAccess

_FIRST = (
    "there, open Dispenser 1 as a phone, register with any number, and read the code from the messages beside it",
    "put money on that number at the counter, start, watch water and money, press stop, read the bill",
    "at a stall of the bathroom, get a code on the phone and type it; pull its cable, and type one that needs no link",
    "in the hotel, choose on the dryer's own display, open its code as the payer's phone, pay: no account at all",
    "then break something: pull the cable, cut the power, wet the floor, and see what the bill says",
)


def find_place(world: World, broker: BrokerAccess, folder: Path, url: str, *, crowd: bool) -> Place:
    """Addresses, folders, and commands as the user's shell has to read them."""
    coinslot = calling(own_command(), folder, default_data_dir(os.environ))
    sessions, key = f"{url}/api/v1/sessions", shlex.quote(f"@{folder / 'key'}")
    tries = [
        f"{coinslot} operator session list --limit 5",
        f"{coinslot} ledger verify",
        f"curl -H {key} {sessions}",
    ]
    if not crowd:
        customer, code = world.guests[0].customer, world.places[0].code
        body = f'{{"customer":"{customer}","appliance":"{code}","outlet":0}}'
        tries.append(
            f"curl -H {key} -H 'Content-Type: application/json' -H \"Idempotency-Key: $RANDOM\" "
            f"-d '{body}' {sessions}"
        )
    return Place(
        http_url=url,
        mqtt=f"{broker.mqtt_host}:{broker.mqtt_port}",
        folder=str(folder),
        log=str(folder / "demo.log"),
        tries=tuple(tries),
    )


def announce(
    say: Progress,
    place: Place,
    api_key: str,
    took_s: float,
    house: House,
    *,
    sandbox: str,
    open_to_all: bool,
) -> None:
    """The first lines: the wall before everything else."""
    say.done(f"open {place.http_url}/wall")
    for line in _FIRST:
        say.done(f"  {line}")
    if open_to_all:
        say.done("anybody in this network can open and use this demo; its money and its secrets are invented")
    logins = ", ".join(f"{one.login} {one.password}" for one in house.logins)
    say.done(f"console       {place.http_url}/console  ({logins})")
    say.done(f"front desk    {place.http_url}{house.desk_path}  (opens once)")
    say.done(
        f"kiosk         {place.http_url}{house.kiosk_path}  (opens once; card {house.card.number}, PIN {house.card.pin})"
    )
    say.done(f"hotel system  {house.system_url}  (is told of every use; the wall shows what it hears)")
    say.done(f"web and API   {place.http_url}")
    say.done(f"payments      {sandbox}  (made-up providers: scan, pay, break them)")
    say.done(f"terminals     mqtts://{place.mqtt}")
    say.done(f"API key       {api_key}")
    say.done(f"data          {place.folder}  (log: {place.log})")
    say.done("what to try in another shell:")
    for line in place.tries:
        say.done(f"  {line}")
    say.done(f"ready after {took_s:.1f} s; Ctrl-C ends it, and everything is kept for the next time")


def own_command() -> str:
    """How this very program is called from another shell in this folder, as that shell has to read it."""
    script = Path(sys.prefix) / "bin" / "coinslot"
    found = shutil.which("coinslot")
    if found is not None and Path(found).resolve() == script.resolve():
        return "coinslot"
    if not script.is_file():
        return f"{shlex.quote(sys.executable)} -m coinslot.app"
    with contextlib.suppress(ValueError):
        return shlex.quote(str(script.relative_to(Path.cwd())))
    return shlex.quote(str(script))
