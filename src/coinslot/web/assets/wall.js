// The wall: shows what the demo's stream says, sends what is pressed, keeps a phone beside it. Its other scripts hear
// "wall:news" for what is new, "wall:did" for what somebody did that no figure tells, "wall:phone" for the phone; "wall:send" sends a form of theirs.
const find = (selector, at = document) => at.querySelector(selector);
const all = (selector, at = document) => [...at.querySelectorAll(selector)];
const text = (element, words) => { if (element && element.textContent !== words) element.textContent = words; };
document.documentElement.dataset.js = "";
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`wall:${name}`, { detail }));

// ---------------------------------------------------------------- what is shown

function showTap(tap, at) {
  Object.assign(at.dataset, { tone: tap.tone, flows: Number(tap.flows), open: Number(tap.open) });
  text(find("[data-word]", at), tap.word);
  text(find("[data-valve]", at), tap.valve);
  text(find("[data-vessel]", at), tap.vessel);
  tap.lines.forEach((line, number) => text(find(`[data-line="${number}"]`, at), line));
  level(find("[data-fill]", at), tap.fill, 47, 147);
  level(find("[data-tank]", at), tap.tank ?? 0, 34, 40);
}

function level(rect, permille, height, bottom) {
  if (!rect) return;
  const high = Math.trunc(permille * height / 100) / 10;
  rect.setAttribute("height", String(high));
  rect.setAttribute("y", String(bottom - high));
}

function showAppliance(one) {
  const at = document.getElementById(one.id);
  if (!at) return;
  Object.assign(at.dataset, { tone: one.tone, troubles: one.troubles.join(" ") });
  const status = find("[data-status]", at);
  status.className = `status ${one.tone}`;
  text(find("[data-word]", status), one.word);
  for (const tap of one.taps) showTap(tap, find(`[data-tap="${tap.outlet}"]`, at));
  for (const button of all("[data-trouble]", at)) {
    const on = one.troubles.includes(button.dataset.trouble);
    button.setAttribute("aria-pressed", String(on));
    find("[name=on]", button.form).value = on ? "0" : "1";
  }
}

const texts = find("#texts");
const lines = find("#lines");
const pause = find("#pause");
const newest = (list) => Number(list.firstElementChild?.dataset.n ?? 0);
let lastLine = newest(lines);
let waiting = [];

function row(template, number) {
  const made = find(template).content.firstElementChild.cloneNode(true);
  made.dataset.n = number;
  return made;
}

function showText(one) {
  if (one.n <= newest(texts)) return;
  const made = row("#text-row", one.n);
  text(find("[data-at]", made), one.at);
  text(find("[data-to]", made), one.to);
  text(find("[data-said]", made), one.text);
  const copy = find("[data-copy]", made);
  const bill = find("[data-bill]", made);
  one.code ? copy.dataset.copy = one.code : copy.remove();
  one.path ? bill.href = one.path : bill.remove();
  texts.prepend(made);
  while (texts.children.length > 50) texts.lastElementChild.remove();
  find("#no-texts").hidden = true;
  ring(one);
}

function showLine(one) {
  const made = row("#line-row", one.n);
  text(find("[data-at]", made), one.at);
  text(find("[data-way]", made), one.up ? "↑" : "↓");
  find("[data-way]", made).title = one.up ? lines.dataset.up : lines.dataset.down;
  text(find("[data-name]", made), one.name);
  text(find("[data-kind]", made), one.kind);
  text(find("code", made), one.text);
  lines.prepend(made);
  while (lines.children.length > 100) lines.lastElementChild.remove();
}

function takeLines(news) {
  for (const one of news) {
    if (one.n <= lastLine) continue;
    lastLine = one.n;
    waiting.push(one);
  }
  waiting = waiting.slice(-100);
  if (pause.getAttribute("aria-pressed") === "true") return;
  waiting.forEach(showLine);
  waiting = [];
}

pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", String(paused));
  takeLines([]);
});

// ---------------------------------------------------------------- where it comes from

let facts = JSON.parse(find("#facts").dataset.facts);
let heardAt = Date.now();
let source = null;

function take(news) {
  heardAt = Date.now();
  text(find("#lost"), "");
  // Another run of the demo: its numbers begin anew, and so does this page.
  if (news.facts.run !== facts.run) return location.reload();
  if (news.facts.logins > facts.logins) banner.hidden = true;
  facts = news.facts;
  news.appliances.forEach(showAppliance);
  news.texts.forEach(showText);
  takeLines(news.lines);
  tell("news", news);
}

function listen() {
  source?.close();
  source = new EventSource("/wall/events");
  source.addEventListener("wall", (event) => take(JSON.parse(event.data)));
}

// Some networks hold a stream back without a word: whoever has heard nothing for long asks.
async function ask() {
  try {
    const answer = await fetch(`/wall/state?texts=${newest(texts)}&lines=${lastLine}`, { signal: AbortSignal.timeout(3000) });
    if (!answer.ok) throw new Error(String(answer.status));
    const news = await answer.json();
    reseal(news.form);
    take(news);
    if (source.readyState === EventSource.CLOSED) listen();
  } catch {
    text(find("#lost"), find("#lost").dataset.text);
  }
}

setInterval(() => { if (Date.now() - heardAt > 4000 && !document.hidden) ask(); }, 2000);
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => { if (event.persisted) listen(); });

// ---------------------------------------------------------------- what is pressed

const toast = find("#said");
let toastEnd = 0;

function say(words) {
  text(toast, words);
  clearTimeout(toastEnd);
  toastEnd = setTimeout(() => text(toast, ""), 6000);
}

const reseal = (seal) => all("input[name=form]").forEach((field) => { field.value = seal || field.value; });

async function send(form, pressed, again = false) {
  const body = new URLSearchParams(new FormData(form));
  if (pressed?.name) body.set(pressed.name, pressed.value);
  const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "application/json" } });
  if (!answer.headers.get("content-type")?.startsWith("application/json")) throw new Error(String(answer.status));
  const said = await answer.json();
  // Logging in on the phone gives this browser a new secret, and every form here a new seal.
  reseal(said.form);
  return said.again && !again ? send(form, pressed, true) : said;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  // What opens a page of its own is the browser's matter.
  if (!form.getAttribute("action")?.startsWith("/wall/") || form.target) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  try {
    const said = await send(form, event.submitter);
    if (form.id === "pay") paid(form, said);
    else if (said.text) say(said.text);
    if (Date.now() - heardAt > 1000) ask();
  } catch {
    // The payment's key stays: sent again, it is still one payment.
    say(toast.dataset.failed);
  } finally {
    delete form.dataset.busy;
  }
});

// For keys that were pressed faster than they are sent: `done` is called when the next may go.
document.addEventListener("wall:send", async ({ detail: { form, pressed, done } }) => {
  try {
    const said = await send(form, pressed);
    if (said.text) say(said.text);
    if (Date.now() - heardAt > 1000) ask();
  } catch {
    say(toast.dataset.failed);
  }
  done();
});

function paid(form, said) {
  const result = find("#pay-said");
  result.className = said.ok ? "good" : "wrong";
  text(result, said.text);
  if (said.key) find("[name=key]", form).value = said.key;
  if (said.ok && screen.dataset.path) again();
  for (const name of ["phone", "amount"]) {
    const field = find(`input[name=${name}]`, form);
    said.field === name ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid");
    if (said.field === name) (field.offsetParent ? field : find("[name=choice]:checked", form)).focus();
  }
}

async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    // Without TLS, on another machine's address, there is no clipboard but this one.
    const field = Object.assign(document.createElement("textarea"), { value: words, className: "sr" });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  say(toast.dataset.copied);
}

// ---------------------------------------------------------------- the phone beside the wall

const phone = find("#phone");
const screen = find("#screen");
const banner = find("#banner");
let opener = null;

function openPhone(link) {
  opener = link;
  if (link.dataset.name) text(find("#phone-name"), link.dataset.name);
  const shown = !phone.hidden;
  phone.hidden = false;
  document.documentElement.dataset.phone = "";
  const url = new URL(link.href);
  // A payer's page is the sandbox's: its whole address. A page of ours is one on whatever address this wall has.
  const path = link.dataset.payer === undefined ? url.pathname : url.href;
  // Put away and taken out again it shows what it showed; asked for while it lies there, the page anew.
  if (shown || screen.dataset.path !== path) screen.src = screen.dataset.path = path;
  screen.focus({ preventScroll: true });
  if (link.dataset.test === "open-as-phone") tell("did", "open");
  // The wall has become narrower: what was pressed stays in sight.
  link.closest(".machine")?.scrollIntoView({ block: "nearest" });
  tell("phone");
}

function closePhone() {
  phone.hidden = true;
  delete document.documentElement.dataset.phone;
  opener?.focus();
  tell("phone");
}

function ring(one) {
  if (phone.hidden) return;
  text(find("p", banner), one.text);
  const button = find("[data-copy]", banner);
  button.hidden = !one.code;
  button.dataset.copy = one.code;
  banner.hidden = false;
  clearTimeout(ring.end);
  ring.end = setTimeout(() => { banner.hidden = true; }, 20000);
}

// Null while a page of the sandbox is shown: it is another origin's.
function shownPath() {
  try { return screen.contentWindow.location.pathname; } catch { return null; }
}

const again = () => { shownPath() === null ? screen.src = screen.dataset.path : screen.contentWindow.location.reload(); };
find("#phone-again").addEventListener("click", again);
screen.addEventListener("load", () => {
  ask(); // a login there has changed this browser's secret, and with it what forms here are sealed with
  if (/^\/s\/[^/]+\/bill/.test(shownPath())) tell("did", "bill");
});
find("#phone-close").addEventListener("click", closePhone);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !phone.hidden && !find("dialog[open]")) closePhone();
});

const large = find("#large");
document.addEventListener("click", (event) => {
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
  const link = event.target.closest("[data-test=open-as-phone], [data-bill], [data-payer]");
  const code = event.target.closest("button.qr");
  const copied = event.target.closest("[data-copy]");
  if (link && plain) {
    event.preventDefault();
    openPhone(link);
  } else if (code) {
    text(find("#large-name"), code.dataset.name);
    text(find("#large-url"), code.dataset.url);
    find(".qr", large).replaceChildren(find("svg", code).cloneNode(true));
    large.showModal();
  } else if (copied) copy(copied.dataset.copy);
});

listen();
