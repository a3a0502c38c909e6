"""What every page of the sandbox is made of."""

from __future__ import annotations

from html import escape
from typing import Final

from coinslot.sandbox.providers.words import EN, Words

STYLE: Final = """
:root{color-scheme:light dark;--bg:#f4f6f5;--ink:#12201c;--soft:#4c5f59;--card:#fff;--line:#c9d3cf;--main:#0b6b5d;
--on:#fff;--coin:#92500a;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--bg:#0d1513;--ink:#eaf1ee;--soft:#a9bab4;--card:#16211e;--line:#31423c;
--main:#5fd3bd;--on:#0d1513;--coin:#f0b35a;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,"PingFang SC","HarmonyOS Sans SC",MiSans,"Microsoft YaHei",sans-serif}
main{max-width:480px;margin:0 auto;padding:16px 16px 24px}
main.docked{padding-bottom:calc(152px + env(safe-area-inset-bottom))}
nav{display:flex;flex-wrap:wrap;gap:4px;max-width:480px;margin:0 auto;padding:8px 12px 0}
nav a{display:flex;align-items:center;min-height:44px;padding:0 12px;border-radius:14px;text-decoration:none}
nav a[aria-current]{background:var(--card);color:var(--ink);font-weight:600}
section,details{background:var(--card);border-radius:14px;padding:16px;margin:0 0 12px}
h1{font-size:22px;line-height:1.3;margin:8px 0 12px;overflow-wrap:anywhere}h2{font-size:18px;margin:16px 0 8px}
.amount{font-size:40px;line-height:1.2;font-weight:600;color:var(--coin);font-variant-numeric:tabular-nums;margin:0;
overflow-wrap:anywhere}
.soft{color:var(--soft)}.dot::before{content:"";display:inline-block;width:10px;height:10px;border-radius:50%;
margin-right:8px;background:var(--soft)}.good::before{background:var(--main)}.wait::before{background:var(--coin)}
.bad::before{background:var(--bad)}
dl{display:grid;grid-template-columns:auto 1fr;gap:4px 16px;margin:12px 0 0}dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
summary{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:4px 12px;min-height:44px;
margin:-8px 0;cursor:pointer}
summary::after{content:"▾";color:var(--soft)}details[open]>summary::after{content:"▴"}
label{display:block;margin-top:12px}input,select{display:block;width:100%;min-height:52px;margin-top:4px;padding:0 12px;
border:1px solid var(--soft);border-radius:14px;background:var(--bg);color:var(--ink);font:inherit}
button{display:block;width:100%;min-height:48px;margin-top:12px;border:1px solid var(--main);border-radius:14px;
background:var(--card);color:var(--ink);font:inherit;touch-action:manipulation}
button.first{min-height:56px;background:var(--main);border-color:var(--main);color:var(--on);font-size:18px;
font-weight:600}
.dock{position:fixed;left:0;right:0;bottom:0;background:var(--card);border-top:1px solid var(--line);
padding:4px 16px calc(12px + env(safe-area-inset-bottom))}.dock form{max-width:448px;margin:0 auto}
ul.rows{list-style:none;margin:0;padding:0}ul.rows li{border-top:1px solid var(--line)}
ul.rows li:first-child{border:0}
ul.rows a,ul.rows div{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 12px;min-height:44px;
padding:8px 0;text-decoration:none;color:inherit;overflow-wrap:anywhere}
a{color:var(--main)}code{overflow-wrap:anywhere}:focus-visible{outline:3px solid var(--main);outline-offset:2px}
"""

_PARTS: Final = (
    ("/", "Scan"),
    ("/failures", "Failures"),
    ("/notifications", "Notifications"),
    ("/clock", "Clock"),
)


def page(title: str, body: str, *, words: Words = EN, dock: str = "") -> str:
    """A phone's page: the title in these words, the body markup already, what is pressed first at its lower end."""
    under = f'<div class="dock">{dock}</div>' if dock else ""
    kind = ' class="docked"' if dock else ""
    note = f'<p class="soft">{words("Sandbox: no money moves.")}</p>'
    return _document(
        words(title), f"<main{kind}><h1>{escape(words(title))}</h1>{body}{note}</main>{under}", words
    )


def own_page(path: str, title: str, body: str, *, words: Words) -> str:
    """One of the sandbox's own, with the way to the others."""
    links = "".join(
        f'<a href="{to}"{" aria-current=page" if to == path else ""}>{words(name)}</a>' for to, name in _PARTS
    )
    main = f"<main><h1>{escape(words(title))}</h1>{body}</main>"
    return _document(words(title), f"<nav>{links}</nav>{main}", words)


def _document(title: str, body: str, words: Words) -> str:
    return (
        f'<!doctype html><html lang="{"zh-CN" if words.code == "zh" else "en"}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )
