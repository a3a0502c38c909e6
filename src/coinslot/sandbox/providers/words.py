"""The sandbox's pages in two languages. The product's own translations are its web pages' matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from coinslot.sandbox.providers.http import Request

_ZH: Final[Mapping[str, str]] = {
    # The payer's phone.
    "Pay": "支付",
    "Decline": "不付了",
    "Press pay twice": "连按两次支付",
    "Pay although closed": "订单已关闭仍支付",
    "More": "更多",
    "To": "收款方",
    "For": "商品",
    "State": "状态",
    "Number": "单号",
    "Not paid yet": "待支付",
    "Paid": "已支付",
    "Paid, and money went back": "已支付，有退款",
    "Closed": "已关闭",
    "Unknown code": "无法识别的二维码",
    "This code belongs to no order.": "这个码没有对应的订单。",
    "Code no longer valid": "二维码已失效",
    "Ask for a new one.": "请重新获取。",
    "Back to the merchant": "返回商家",
    "Sandbox: no money moves.": "沙箱：不会产生真实扣款。",
    "Paid.": "支付成功。",
    "You did not pay.": "您没有付款。",
    "It was paid before; nothing was taken again.": "之前已支付，没有重复扣款。",
    "Not paid: this order has been paid.": "未支付：订单已支付过。",
    "Not paid: this order has been closed.": "未支付：订单已关闭。",
    "Not paid: this order has expired.": "未支付：订单已过期。",
    "Not paid: this has been paid.": "未支付：订单已支付过。",
    "Not paid: this has been closed.": "未支付：订单已关闭。",
    "Not paid: this code is no longer valid.": "未支付：二维码已失效。",
    "WeChat Pay": "微信支付",
    "WeChat Pay (H5)": "微信支付（H5）",
    "Alipay": "支付宝",
    "Alipay (mobile web)": "支付宝（手机网站）",
    "Card (Stripe)": "银行卡（Stripe）",
    # Its own pages.
    "Payment sandbox": "支付沙箱",
    "Scan": "扫码",
    "Failures": "故障",
    "Notifications": "通知",
    "Clock": "时钟",
    "Address or code": "网址或码",
    "Paste what a code holds": "粘贴二维码内容",
    "Open": "打开",
    "Latest orders": "最近的订单",
    "None yet": "暂无",
    "No order has this code.": "没有对应的订单。",
    "Everything works": "一切正常",
    "Turn on": "开启",
    "Turn off": "关闭",
    "Turn all off": "全部关闭",
    "On": "已开启",
    "Off": "关",
    "Operation": "操作",
    "every operation": "全部操作",
    "How often": "次数",
    "until turned off": "直到关闭",
    "Value": "参数",
    "Change key": "更换密钥",
    "The provider signs with a new key from now on:": "平台此后使用新密钥签名：",
    "Time": "时间",
    "Let time pass": "快进",
    "1 minute": "1 分钟",
    "10 minutes": "10 分钟",
    "1 hour": "1 小时",
    "1 day": "1 天",
    "Seconds": "秒",
    "Go": "快进",
    "times real time": "倍速",
    "It moves only by hand": "仅手动快进",
    "taken": "已接收",
    "not taken": "未接收",
    "no answer": "无应答",
    "again at": "下次发送",
    "not sent again": "不再发送",
    "must be a whole number": "须为整数",
    "must be at least 1": "至少为 1",
    "is too much": "过大",
    "must be seconds, 0 to 400 days": "须为秒数，0 到 400 天",
    # Failures, by group.
    "Answers": "应答",
    "What is told": "内容有误",
    "Order of events": "先后顺序",
    "Bills": "账单",
    "Refunds, shares, transfers": "退款、分账与转账",
    "Done, and never answered": "已处理，但始终不应答",
    "Not done, and never answered": "未处理，也不应答",
    "Done; the answer breaks off": "已处理；应答中途断开",
    "500, and not done": "返回 500，未处理",
    "500, and done all the same": "返回 500，但已处理",
    "429, and not done": "返回 429，未处理",
    "Changed after it was signed": "签名后内容被改动",
    "Without any signature": "没有签名",
    "Signed by a key that nobody knows": "用未知密钥签名",
    "Refused, and the error is not signed": "拒绝，且错误未签名",
    "Refused, signed; value: status and code": "拒绝并签名；参数：状态码与错误码",
    "Another amount; value: minor units": "金额不符；参数：分",
    "Another merchant": "商户不符",
    "Another app": "应用不符",
    "Another number": "单号不符",
    "Never": "从不发送",
    "Twice": "发送两次",
    "Several at once; value: how many": "同时发送多份；参数：份数",
    "Late; value: seconds": "延迟发送；参数：秒",
    "With an old signature; value: seconds": "签名时间过旧；参数：秒",
    "Encrypted with another key": "用别的密钥加密",
    "A probe before it": "先发一次探测",
    "Paid before the order is answered": "下单应答之前已支付",
    "Refunded before the refund is answered": "退款应答之前已到账",
    "Not ready": "尚未生成",
    "The link has expired": "下载链接已过期",
    "The hash is wrong": "摘要不符",
    "Columns in another order": "列顺序不同",
    "A payment that nobody asked for": "多出一笔未知交易",
    "The first payment is left out": "缺少第一笔交易",
    "A refund stays under way": "退款一直处理中",
    "A refund is abnormal": "退款异常",
    "A refund is closed": "退款关闭",
    "One share is not paid; value: whose account": "一方分账失败；参数：接收方账号",
    "A share does not come back; value: why": "分账回退失败；参数：原因",
    "A transfer fails; value: why": "转账失败；参数：原因",
    "A transfer stays under way": "转账一直处理中",
    "The provider's clock is off; value: seconds": "平台时钟偏差；参数：秒",
}


TRANSLATED: Final = frozenset(_ZH)
"""Every text that is there in both languages."""


class Words(Struct, frozen=True):
    """One language."""

    code: str

    def __call__(self, text: str) -> str:
        """The text in this language; as it is where it has no translation."""
        return _ZH.get(text, text) if self.code == "zh" else text


EN: Final = Words("en")
ZH: Final = Words("zh")


def words_for(request: Request) -> Words:
    """What the browser asks for first, of the two."""
    for wanted in request.headers.get("accept-language", "").lower().split(","):
        tag = wanted.strip()[:2]
        if tag in ("zh", "en"):
            return ZH if tag == "zh" else EN
    return EN
