"""What processes hold: the server idle and with every terminal connected, the broker, one agent; and what the agent's
processor has to do while nobody uses the appliance."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

from coinslot.app.benches.bed import Bed
from coinslot.app.benches.figures import Figure, Side, Target
from coinslot.app.benches.processes import cpu_s, memory
from coinslot.app.errors import Problem
from coinslot.engines.children import Child, StopPlan, spawn
from coinslot.engines.connect import connect_login
from coinslot.engines.identity import Identity
from coinslot.terminal.identity import Identity as TerminalIdentity
from coinslot.terminal.identity import save

PART = "d"
TITLE = "memory"
_AGENT = Target(Side.AT_MOST, 40.0)
_AGENT_CPU = Target(Side.AT_MOST, 3.0)
_IDLE_S = 5.0
"""Five turns of an idle agent's loop."""
_MB = 1024 * 1024
_PATIENCE_S = 30.0
_LOOK_S = 0.05
_SIGTERM = StopPlan(polite=signal.SIGTERM, polite_s=10.0)


class MemoryUse:
    """Part (d)."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._agent_rss: list[float] = []
        self._agent_pss: list[float] = []
        self._agent_cpu: list[float] = []
        self._server_after: list[float] = []

    def round(self) -> None:
        """One agent, anew each time."""
        bed = self._bed
        bed.warm()
        bed.say("an agent process")
        agent = self._start_agent()
        try:
            bed.runner.run(self._connected(agent))
            held = memory(agent.pid)
            self._agent_cpu.append(_idle(agent.pid))
        finally:
            agent.stop()
        self._agent_rss.append(held.rss / _MB)
        self._agent_pss.append(held.pss / _MB)
        self._server_after.append(memory(bed.server.pid).rss / _MB)

    def figures(self) -> list[Figure]:
        """Each process, and what one more connected terminal takes of it."""
        bed = self._bed
        count = max(bed.sizes.terminals)
        before, after = bed.memory_before, bed.memory_connected
        figures = []
        for name in before:
            per_kb = (after[name].rss - before[name].rss) / 1024 / count
            figures += [
                Figure(part=PART, name=f"{name}, idle, RSS", unit="MB", values=[before[name].rss / _MB]),
                Figure(part=PART, name=f"{name}, each of {count} terminals", unit="KB RSS", values=[per_kb]),
            ]
        return [
            *figures,
            Figure(part=PART, name="server, after the load, RSS", unit="MB", values=self._server_after),
            Figure(part=PART, name="one agent, RSS", unit="MB", values=self._agent_rss, target=_AGENT),
            Figure(part=PART, name="one agent, PSS", unit="MB", values=self._agent_pss),
            Figure(
                part=PART,
                name="one agent, idle, CPU",
                unit="% of a core",
                values=self._agent_cpu,
                target=_AGENT_CPU,
            ),
        ]

    def _start_agent(self) -> Child:
        bed = self._bed
        journal, access = bed.folder / "journal", bed.broker.access
        one = bed.fleet.terminals[-1]
        save(
            journal / "identity.json",
            TerminalIdentity(
                terminal_id=one.terminal_id,
                secret=one.secret,
                mqtt_host=access.mqtt_host,
                mqtt_port=access.mqtt_port,
            ),
        )
        return spawn(
            [sys.executable, "-m", "coinslot.app", "terminal", "--journal", journal, "--simulated", "shower"],
            name="agent",
            plan=_SIGTERM,
            identity=Identity("", os.geteuid(), os.getegid(), foreign=False),
            log=bed.folder / "agent.log",
            environment=os.environ,
        )

    async def _connected(self, agent: Child) -> None:
        """Wait for the agent's hello on a link that is newer than any before."""
        terminal = self._bed.fleet.terminals[-1].terminal_id
        connection = await connect_login(self._bed.database_url)
        query = "SELECT online AND link_began_at > $2 FROM terminal_link WHERE terminal_id = $1"
        try:
            began = await connection.fetchval("SELECT clock_timestamp() - interval '5 s'")
            for _ in range(round(_PATIENCE_S / _LOOK_S)):
                if await connection.fetchval(query, terminal, began):
                    break
                if not agent.running:
                    raise Problem("the agent has ended by itself", "See agent.log with --keep.")
                await asyncio.sleep(_LOOK_S)
            else:
                raise Problem("the agent never came online", "See agent.log with --keep.")
                await asyncio.sleep(1.0)  # what it allocates for its first readings belongs to it
        finally:
            await connection.close()


def _idle(pid: int) -> float:
    """Percent of a core that it uses with nothing to do."""
    began, used_s = time.monotonic(), cpu_s(pid)
    time.sleep(_IDLE_S)
    return 100 * (cpu_s(pid) - used_s) / (time.monotonic() - began)
