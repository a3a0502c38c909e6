"""`coinslot serve` over engines that are not its own, kept alive: when a kill ends it, it is started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import msgspec

from coinslot.app.serve import Ready
from coinslot.engines.broker import BrokerAccess

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0
END_S = 15.0


def engines_environment(database_url: str, broker: BrokerAccess) -> dict[str, str]:
    """What a server is told so that it uses these engines and starts none."""
    return {
        "COINSLOT_DATABASE_URL": database_url,
        "COINSLOT_NATS_URL": broker.url,
        "COINSLOT_NATS_SERVER_USER": broker.server_user,
        "COINSLOT_NATS_SERVER_PASSWORD": broker.server_password,
        "COINSLOT_NATS_AUTH_USER": broker.auth_user,
        "COINSLOT_NATS_AUTH_PASSWORD": broker.auth_password,
        "COINSLOT_NATS_SYS_USER": broker.sys_user,
        "COINSLOT_NATS_SYS_PASSWORD": broker.sys_password,
        "COINSLOT_NATS_ISSUER_SEED": broker.issuer_seed,
        "COINSLOT_MQTT_HOST": broker.mqtt_host,
        "COINSLOT_MQTT_PORT": str(broker.mqtt_port),
    }


async def a_moment() -> None:
    """Between two looks at something that is awaited: spinning would take the core the server starts on."""
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.01)


async def becomes(condition: Callable[[], bool], what: str, within_s: float = START_S) -> None:
    """Wait until the condition holds; TimeoutError says what did not come."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():
                await a_moment()
    except TimeoutError:
        raise TimeoutError(f"never came: {what}") from None


class KeptServer:
    """One server after the other. The first gets `first`'s variables too; each later one does not."""

    def __init__(self, folder: Path, environment: Mapping[str, str], first: Mapping[str, str]) -> None:
        self._folder = folder
        own = {name: value for name, value in os.environ.items() if not name.startswith("COINSLOT_")}
        self._environment = {**own, "PYTHONPATH": str(ROOT / "src"), **environment}
        self._first = dict(first)
        self.deaths: list[int] = []
        """Exit codes of the servers that ended by themselves; minus the signal's number."""
        self.said: list[str] = []
        """What each of them had said on standard error."""
        self.ready: Ready | None = None
        """What the latest server said when it was ready."""
        self._process: Process | None = None
        self._url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._keeper: asyncio.Task[None] | None = None
        self._ending = False

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        assert self._keeper is not None
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
        done, _ = await asyncio.wait([self._keeper], timeout=END_S)
        if not done:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if done and kind is None:
            self._keeper.result()

    @property
    def pid(self) -> int:
        """Of the server that runs now."""
        assert self._process is not None
        return self._process.pid

    async def url(self) -> str:
        """Where the API is, once a server is ready. AssertionError when none starts."""
        assert self._keeper is not None
        waiting = asyncio.shield(self._url)
        await asyncio.wait([waiting, self._keeper], timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done() and self._keeper.done():
            self._keeper.result()
        assert waiting.done(), f"no server was ready within {START_S:.0f} s: {self.said}"
        return waiting.result()

    async def post(self, path: str, key: str, **options: object) -> httpx.Response:
        """Ask until somebody answers: a server may die in the middle of it, and the next one is asked."""
        headers = {"Authorization": f"Bearer {key}", **msgspec.convert(options.get("headers", {}), dict)}
        async with asyncio.timeout(2 * START_S), httpx.AsyncClient(timeout=START_S) as http:
            while True:
                url = await self.url()
                try:
                    answer = await http.post(f"{url}{path}", headers=headers, json=options.get("json"))
                except httpx.TransportError:
                    await self._renewed(url)
                    continue
                if answer.status_code < 500:
                    return answer

    async def _renewed(self, url: str) -> None:
        """Until the server that was at this address is known to be gone."""
        while self._url.done() and self._url.result() == url:
            await a_moment()

    async def _keep(self) -> None:
        extra = self._first
        while True:
            await self._one(extra)
            if self._ending:
                return
            if self.deaths[-1] != -signal.SIGKILL:
                raise AssertionError(f"the server ended with {self.deaths[-1]}:\n{self.said[-1]}")
            extra = {}

    async def _one(self, extra: Mapping[str, str]) -> None:
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "coinslot.app", "serve", "--port", "0", "--ready-file", "-"),
            *("--data-dir", str(self._folder)),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self._folder,
            env={**self._environment, **extra},
        )
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            saying = asyncio.create_task(process.stderr.read())
            line = await process.stdout.readline()
            if line:
                self.ready = msgspec.json.decode(line, type=Ready)
                self._url.set_result(self.ready.http)
            code = await process.wait()
            self._url = asyncio.get_running_loop().create_future()
            self.said.append((await saying).decode())
            if not self._ending or code == -signal.SIGKILL:
                self.deaths.append(code)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
