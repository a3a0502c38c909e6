"""One file describes the terminal: what is understood, what follows, and which contradictions are refused."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from coinslot.terminal import config
from coinslot.terminal.clock import VirtualClock
from coinslot.terminal.drivers.fronts import Wiring
from coinslot.terminal.drivers.tables import BusTable, SensorTable
from coinslot.terminal.settings import DisplaySize, MeterKind, Seconds
from coinslot.terminal.wiring import PARTS
from coinslot.wire.registers import Register

EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "terminal").glob("*.toml"))
VALVE = 'valve = { driver = "gpio", line = 17 }\n'
METER = 'meter = { driver = "gpio", line = 22, pulses = 450 }\n'
BUS = '[bus.b]\ndevice = "/dev/ttyS1"\nprotocol = "modbus"\n'
MODBUS = 'meter = { driver = "modbus", bus = "b", values = [{ address = 0, register = "wh" }] }\n'
ONE = "language = 'en'\n[[outlets]]\n"
BUSSED = f"language = 'en'\n{BUS}[[outlets]]\n"


def read(folder: Path, text: str) -> config.FileConfig:
    path = folder / "terminal.toml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_understood(path: Path) -> None:
    made = config.load(path)
    assert made.wiring
    assert [one.outlet for one in made.wiring] == [one.outlet for one in made.outlets]


def test_there_are_examples_of_the_common_appliances() -> None:
    assert {path.stem for path in EXAMPLES} >= {"shower", "washer", "socket", "water_meter"}


def test_what_follows_from_the_wiring_need_not_be_said() -> None:
    by_name = {path.stem: config.load(path).outlets[0] for path in EXAMPLES}
    assert (by_name["shower"].meters, by_name["shower"].display) == ((Register.ML,), DisplaySize.TALL)
    assert [by_name[name].one_language for name in ("shower", "water_meter")] == [True, False]
    washer = by_name["washer"]
    assert (washer.meters, washer.seconds) == ((Register.COUNT,), Seconds.OPENING)
    assert by_name["socket"].meter is MeterKind.LASTING
    assert by_name["water_meter"].display is DisplaySize.WIDE


def test_an_outlet_with_a_valve_alone_is_sold_by_time(tmp_path: Path) -> None:
    assert read(tmp_path, ONE + VALVE).outlets[0].meters == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ONE + VALVE + METER.replace("pulses", "pulse"), r"outlets\[0\]\.meter"),
        (ONE + VALVE.replace("gpio", "pneumatic"), r"pneumatic.*outlets\[0\]\.valve"),
        (ONE + VALVE.replace("17", "-1"), r"outlets\[0\]\.valve\.line"),
        (ONE + METER, r"outlets\[0\]\.valve: .* needs a valve"),
        (
            ONE + VALVE + METER.replace("22", "17"),
            r"outlets\[0\]\.meter\.line: line 17 .* outlets\[0\]\.valve\.line",
        ),
        (ONE + VALVE + "[[outlets]]\noutlet = 1\n", "wire them all, or none"),
        (
            ONE + VALVE + "[[outlets]]\n" + VALVE.replace("17", "18"),
            r"outlets\[1\]\.outlet: 0 is there already",
        ),
        ("hardware = 'a:b'\n" + ONE + VALVE, "hardware: cannot stand beside"),
        ("simulated = 'shower'\n" + ONE + VALVE, "simulated: cannot stand beside"),
        ("wiring = []\n" + ONE + VALVE, "wiring: there is no such key"),
        (BUSSED, "bus: nothing hangs on it"),
        (BUSSED + VALVE, r"bus\.b: nothing hangs on it"),
        (ONE + VALVE + MODBUS, r"outlets\[0\]\.meter\.bus: there is no \[bus\.b\]"),
        (BUSSED.replace("modbus", "cjt188") + VALVE + MODBUS, "speaks cjt188, not modbus"),
        (BUSSED + VALVE + MODBUS + 'meters = ["ml"]', r"outlets\[0\]\.meters: ml is counted by nothing"),
        (BUSSED + MODBUS + 'valve = { driver = "modbus", bus = "b" }', "either `coil` or `register`"),
        (
            ONE + 'valve = { driver = "coin", line = 1 }',
            r"outlets\[0\]\.meter: .* coin output is metered by it",
        ),
        (ONE + VALVE + 'meter = { driver = "coin" }', "needs a coin output"),
        (
            ONE + VALVE + METER.replace("450", "450, debounce_us = 5000"),
            "would swallow pulses at most_hz = 400",
        ),
        (ONE + VALVE + METER.replace("450", '450, register = "s"'), "counted by the terminal itself"),
        (
            ONE + VALVE + 'keypad = { driver = "matrix", rows = [1], columns = [2] }',
            "1 rows of 1 keys are wired",
        ),
        (
            ONE + VALVE + 'keypad = { driver = "matrix", rows = [1], columns = [2, 3], keys = ["11"] }',
            "there twice",
        ),
        (
            ONE + VALVE + 'keypad = { driver = "matrix", rows = [1], columns = [2], keys = ["A"] }',
            "'A' is no key",
        ),
        (ONE + VALVE + 'screen = { driver = "hd44780", columns = 20 }', "2x20 is not supported"),
        ("[[outlets]]\n" + VALVE + 'screen = { driver = "hd44780" }', 'set language = "en"'),
        (ONE + VALVE + 'display = "4x20"\nscreen = { driver = "hd44780" }', "display: .* shows 2x16"),
        (ONE + VALVE + "[watchdog]\nenable = { line = 17 }", r"watchdog\.enable: line 17 .* used by"),
        (ONE + VALVE + "[watchdog]\ntimeout_s = 1", r"watchdog\.timeout_s"),
    ],
)
def test_a_contradiction_is_refused_with_file_key_and_reason(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(config.ConfigError, match=says) as refused:
        read(tmp_path, text)
    assert str(tmp_path / "terminal.toml") in str(refused.value)


def test_hardware_that_is_not_there_says_what_to_look_at(tmp_path: Path) -> None:
    made = read(tmp_path, ONE + VALVE.replace("17", '17, chip = "/dev/no-such-chip"'))
    with pytest.raises(config.ConfigError, match=r"no-such-chip line 17: .*\nIs the agent running already"):
        config.hardware(made, config.settings(made, "t1"), VirtualClock())


def test_every_table_in_the_guide_is_understood() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "terminal" / "wiring.md").read_text(encoding="utf-8")
    blocks = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)]
    known = {"bus", "outlets", *PARTS}
    for block in blocks:
        assert block.keys() <= known
        parts = {key: value for key, value in block.items() if key in PARTS}
        msgspec.convert({"valve": {"driver": "gpio", "line": 1}, **parts}, Wiring)
        msgspec.convert(block.get("bus", {}), dict[str, BusTable])
        if "outlets" in block:  # of one outlet, whose own table is not shown
            msgspec.convert(block["outlets"]["sensors"], list[SensorTable])
    assert len(blocks) >= 7
