// Puts what the server says in place. Figures come as finished texts; nothing is worked out here but how old they are.
const root = document.querySelector("[data-live]");
const path = root.dataset.live;
const one = (name) => document.querySelector(`[data-${name}]`);
const stale = one("stale"), badge = one("kind"), form = one("form"), spoken = one("spoken"), bar = document.querySelector("progress");
const STALE = 4000, SILENT = 6000, AGAIN = 2000, REOPEN = 8000, SPEAK = 30000;
let source = null, opened = 0, heard = 0, asked = 0, asking = false, measured = null, told = performance.now(), over = false;

function show(text) {
  if (over) return;
  if (text.ended) {
    over = true;
    close();
    location.replace(`${path}/bill`);
    return;
  }
  for (const element of document.querySelectorAll("[data-text]")) put(element, text[element.dataset.text]);
  for (const element of document.querySelectorAll("[data-note]")) {
    const words = text[element.dataset.note];
    element.hidden = !words;
    put(element, words);
  }
  for (const element of document.querySelectorAll("[data-row]")) element.hidden = !text[element.dataset.row];
  badge.className = `status ${text.kind}`;
  bar.value = text.percent;
  form.hidden = !text.stop;
  root.dataset.phase = text.phase;
  measured = text.age_ms === null ? null : performance.now() - text.age_ms;
  // A screen reader hears the state when it changes, and the figures twice a minute.
  if (performance.now() - told > SPEAK) {
    told = performance.now();
    put(spoken, text.spoken);
  }
  fade();
}

function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function fade() {
  const age = measured === null ? 0 : performance.now() - measured;
  stale.hidden = age <= STALE;
  if (!stale.hidden) put(stale, stale.dataset.say.replace("{s}", Math.round(age / 1000)));
}

function open() {
  close();
  opened = performance.now();
  source = new EventSource(`${path}/events`);
  source.onmessage = (message) => {
    heard = performance.now();
    show(JSON.parse(message.data));
  };
}

function close() {
  if (source) source.close();
  source = null;
}

// Some browsers open a stream and never pass it on; then the page asks by itself.
async function ask() {
  if (asking) return;
  asking = true;
  asked = performance.now();
  try {
    const answer = await fetch(`${path}/state`, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (answer.ok) show(await answer.json());
    else if (answer.status === 404) location.reload();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError)) throw error;
  } finally {
    asking = false;
  }
}

function beat() {
  if (over || document.hidden) return;
  const now = performance.now();
  const quiet = now - Math.max(heard, opened);
  if (quiet > SILENT && now - asked > AGAIN) ask();
  // A stream that was refused does not come again by itself.
  if (now - opened > REOPEN && (!source || source.readyState === EventSource.CLOSED || quiet > 3 * REOPEN)) open();
  fade();
}

document.addEventListener("visibilitychange", () => {
  if (over) return;
  if (document.hidden) close();
  else {
    open();
    ask();
  }
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
form.addEventListener("submit", () => setTimeout(() => form.querySelector("button").setAttribute("aria-disabled", "true")));
open();
setInterval(beat, 1000);
