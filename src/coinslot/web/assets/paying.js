// Leads to the provider once, and loads the page again when something has changed. What the phone says of a payment is
// never believed: it only has the server ask.
const root = document.querySelector("[data-pay]");
const { pay: path, sign } = root.dataset;
const link = document.querySelector("a[data-go]"), bridge = document.querySelector("[data-bridge]");
const asked = document.getElementById("asked");
let source = null, over = false;

function changed(now) {
  if (over || now === sign) return;
  over = true;
  if (source) source.close();
  location.replace(path);
}

function open() {
  if (source) source.close();
  source = new EventSource(`${path}/events`);
  source.onmessage = (message) => changed(message.data);
}

// Some browsers open a stream and never pass it on.
async function look() {
  if (document.hidden || over) return;
  try {
    const answer = await fetch(`${path}/state`, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (answer.ok) changed(await answer.text());
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
  }
  if (!over && (!source || source.readyState === EventSource.CLOSED)) open();
}

function call() {
  WeixinJSBridge.invoke("getBrandWCPayRequest", JSON.parse(bridge.dataset.bridge), (answer) => {
    if (answer.err_msg === "get_brand_wcpay_request:ok") asked.requestSubmit();
  });
}

function pay() {
  if (typeof WeixinJSBridge === "undefined") document.addEventListener("WeixinJSBridgeReady", call, { once: true });
  else call();
}

if (bridge) bridge.addEventListener("click", pay);
const first = root.dataset.open === "1";
if (location.search) history.replaceState(null, "", path);
if (first && bridge) pay();
else if (first && link) location.assign(link.href);

document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
open();
setInterval(look, 5000);
