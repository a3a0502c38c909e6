"""Which way a notice takes: SMS first, then WeChat, then mail."""

from __future__ import annotations

from coinslot.people.notices import Notice, Notifier, NotSent, Recipient

NO_WAY = "no way to send is set up: set `sms` or `smtp_host`"


class ByChannel:
    """Tries in turn what is set up and what the recipient has; see `people.notices.Notifier`.

    What one way refuses, or leaves unanswered, the next is asked to take: a customer told twice is better off than
    one told nothing. Only when all have refused is it `NotSent`, with each one's reason.
    """

    def __init__(
        self,
        *,
        sms: Notifier | None = None,
        wechat: Notifier | None = None,
        mail: Notifier | None = None,
    ) -> None:
        self._sms = sms
        self._wechat = wechat
        self._mail = mail

    async def send(self, to: Recipient, notice: Notice) -> str:
        """See `people.notices.Notifier`."""
        ways = [
            (address, way)
            for address, way in (
                (to.phone, self._sms),
                (to.wechat_openid, self._wechat),
                (to.mail, self._mail),
            )
            if way is not None
        ]
        if not ways:
            raise NotSent(NO_WAY, again=False)
        refusals: list[NotSent] = []
        for address, way in ways:
            if address is None:
                continue
            try:
                return await way.send(to, notice)
            except NotSent as refusal:
                refusals.append(refusal)
        if not refusals:
            raise NotSent("the customer has no address for any way that is set up", again=False)
        reason = "; ".join(refusal.reason for refusal in refusals)
        raise NotSent(reason, again=any(refusal.again for refusal in refusals))
