"""A hotel's appliance on the bench: a menu, a guest's presses, a server's answers."""

from __future__ import annotations

from msgspec.structs import replace

from coinslot.terminal.events import Cancelled, KeyPressed, MeterRead, PackageChosen, SensorsRead, Tick
from coinslot.terminal.memory import MemoryJournal
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.settings import OnPower, OutletSettings, Seconds
from coinslot.terminal.views import Phase
from coinslot.wire.messages import Bill, Menu, Note, PackageOffered, QrCancelled, QrWanted, Show
from coinslot.wire.registers import Register
from tests.unit.terminal.rig import SHOWER, Rig

HALF_HOUR = PackageOffered(package="30min", title="30 分钟 · 30 min", price_minor=500)
BY_USE = PackageOffered(package="use", title="按电量 · by use", price_minor=2_000, by_use=True)
SOCKET = OutletSettings(
    outlet=0,
    meters=(Register.WH,),
    seconds=Seconds.OPENING,
    on_power=OnPower.RESUME,
    no_load_w=3,
    idle_w=8,
    overload_w=4_000,
)
BOUGHT = (
    b'{"tariff_id":"t","version":1,"currency":"CNY","hold_minor":500,"minimum_start_minor":500,'
    b'"start_fee_minor":500,"maximum_minor":500,"max_ml":1,"max_s":1800,"max_wh":9000,"max_count":1,'
    b'"idle_s":1800,"package":{"id":"30min","units":[["s",1800]]}}'
)


class Hotel(Rig):
    """One socket that sells two packages for two ways to pay."""

    def __init__(self, journal: MemoryJournal | None = None) -> None:
        super().__init__(replace(SHOWER, outlets=(SOCKET,)), journal, QuoteRater())
        self.mws = 0

    def open_shop(self) -> Hotel:
        self.boot().link_up()
        self.sense(0)
        self.say(self.menu())
        return self

    def menu(self) -> Menu:
        return Menu(
            link=self.link,
            outlet=0,
            currency="CNY",
            packages=[HALF_HOUR, BY_USE],
            providers=["wechat", "alipay"],
        )

    def sense(self, watts: int, ms: int = 0) -> None:
        self.mws += watts * ms
        self.feed(MeterRead(0, {Register.WH: self.mws // 3_600_000}), ms)
        self.feed(SensorsRead(0, {"power_w": watts}))
        self.feed(Tick())

    def wait(self, seconds: int, watts: int = 0) -> None:
        for _ in range(seconds):
            self.sense(watts if 0 in self.open else 0, 1_000)

    # ---- the guest

    def chooses(self, package: str = "30min", provider: str = "wechat") -> str:
        """The request of the wish that was sent."""
        self.feed(PackageChosen(0, provider, package))
        return self.wanted[-1] if self.wanted else ""

    def presses(self, keys: str) -> None:
        for key in keys:
            self.feed(KeyPressed(0, key))

    def goes_back(self) -> None:
        self.feed(Cancelled(0))

    # ---- the server

    def shows(self, request: str | None, note: Note | None = None, *, life_s: int = 300) -> None:
        if note is not None:
            self.say(Show(link=self.link, outlet=0, request=request, note=note))
            return
        self.say(
            Show(
                link=self.link,
                outlet=0,
                request=request,
                qr=f"pay:{request}",
                amount_minor=500,
                currency="CNY",
                life_s=life_s,
            )
        )

    def bills(self, request: str | None, session: str = "ses", *, refund_minor: int = 180) -> None:
        bill = Bill(
            session=session,
            currency="CNY",
            charge_minor=500 - refund_minor,
            balance_minor=0,
            refund_minor=refund_minor,
        )
        self.say(Show(link=self.link, outlet=0, request=request, qr="https://x.example/b/1", bill=bill))

    # ---- what is seen

    def phase(self) -> Phase:
        return self.views[0].phase

    @property
    def wanted(self) -> list[str]:
        return [one.request for one in self.messages(QrWanted)]

    @property
    def taken_back(self) -> list[str]:
        return [one.request for one in self.messages(QrCancelled)]
