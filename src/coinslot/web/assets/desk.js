// Puts in place what the server has written, counts down, and rings: two tones up for a paid use, two down for a fault.
const one = (name) => document.querySelector(`[data-${name}]`);
const board = one("board"), clock = one("clock"), stale = one("stale"), bell = one("sound"), full = one("full"), spoken = one("spoken");
const STALE = 6000, SILENT = 8000, AGAIN = 3000, REOPEN = 10000, FLASH = 2000, FRESH = 30000, WANTED = "coinslot desk sound";
const known = new Set(words(board.dataset.paid, " ")), fresh = new Map();
let faults = new Set(words(board.dataset.faults, "|"));
let source = null, opened = 0, heard = performance.now(), asked = 0, asking = false, put = performance.now(), audio = null;

function words(text, between) {
  return text.split(between).filter(Boolean);
}

function show(news) {
  heard = performance.now();
  clock.textContent = news.clock;
  board.innerHTML = news.html;
  put = performance.now();
  const paid = news.paid.filter((key) => !known.has(key));
  const wrong = news.faults.filter((key) => !faults.has(key));
  faults = new Set(news.faults);
  for (const key of paid) {
    known.add(key);
    fresh.set(key, performance.now());
  }
  if (paid.length) ring("ring", [659, 880], spoken.dataset.new, paid[0]);
  // The two never sound as one: a fault comes after the bell.
  if (wrong.length) setTimeout(() => ring("alarm", [440, 311], spoken.dataset.fault, wrong[0]), paid.length ? 900 : 0);
  mark();
}

function mark() {
  for (const [key, since] of fresh) {
    const line = board.querySelector(`[data-key="${CSS.escape(key)}"]`);
    const over = performance.now() - since > FRESH;
    if (line) line.classList.toggle("fresh", !over);
    if (over) fresh.delete(key);
  }
}

function ring(look, tones, say, key) {
  document.body.classList.add(look);
  setTimeout(() => document.body.classList.remove(look), FLASH);
  const line = board.querySelector(`[data-key="${CSS.escape(key.split(" ")[0])}"] .what b`);
  spoken.textContent = say.replace("{what}", line ? line.textContent : "");
  if (!audio || audio.state !== "running") return;
  tones.forEach((pitch, number) => {
    const begin = audio.currentTime + number * 0.28, tone = audio.createOscillator(), loudness = audio.createGain();
    tone.type = "sine";
    tone.frequency.value = pitch;
    loudness.gain.setValueAtTime(0.0001, begin);
    loudness.gain.exponentialRampToValueAtTime(0.6, begin + 0.02);
    loudness.gain.exponentialRampToValueAtTime(0.0001, begin + 0.6);
    tone.connect(loudness).connect(audio.destination);
    tone.start(begin);
    tone.stop(begin + 0.65);
  });
}

// A browser lets a page sound only after somebody has pressed something in it, each time it is loaded.
function name() {
  const wanted = remembered(), on = wanted && audio !== null && audio.state === "running";
  bell.hidden = false;
  bell.setAttribute("aria-pressed", String(on));
  bell.textContent = on ? bell.dataset.on : wanted ? bell.dataset.asleep : bell.dataset.off;
}

function remembered() {
  return localStorage.getItem(WANTED) === "on";
}

function wake() {
  if (!remembered()) return;
  audio ??= new AudioContext();
  audio.onstatechange = name;
  if (audio.state !== "running") audio.resume();
  name();
}

bell.addEventListener("click", async () => {
  const on = bell.getAttribute("aria-pressed") === "true";
  localStorage.setItem(WANTED, on ? "off" : "on");
  if (on) await audio.suspend();
  else {
    audio ??= new AudioContext();
    audio.onstatechange = name;
    await audio.resume();
    // Whoever switches it on hears what it will sound like.
    ring("ring", [659, 880], "", "");
  }
  name();
});
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, (event) => event.target !== bell && wake());

if (document.documentElement.requestFullscreen) {
  full.hidden = false;
  full.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()));
}

function open() {
  close();
  opened = performance.now();
  source = new EventSource("/desk/events");
  source.onmessage = (message) => show(JSON.parse(message.data));
  // Refused: revoked, perhaps, or too many watch. The answer to a question says which.
  source.onerror = () => source && source.readyState === EventSource.CLOSED && performance.now() - asked > AGAIN && ask();
  source.addEventListener("same", (message) => {
    heard = performance.now();
    clock.textContent = message.data;
  });
}

function close() {
  if (source) source.close();
  source = null;
}

async function ask() {
  if (asking) return;
  asking = true;
  asked = performance.now();
  try {
    const answer = await fetch("/desk/state", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (answer.ok) show(await answer.json());
    else if (answer.status === 401) location.reload();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError)) throw error;
  } finally {
    asking = false;
  }
}

function beat() {
  const now = performance.now();
  const quiet = now - heard;
  if (quiet > SILENT && now - asked > AGAIN) ask();
  // A stream that was refused does not come again by itself.
  if (now - opened > REOPEN && (!source || source.readyState === EventSource.CLOSED || quiet > 3 * REOPEN)) open();
  stale.hidden = quiet <= STALE;
  if (!stale.hidden) stale.textContent = stale.dataset.say.replace("{s}", String(Math.round(quiet / 1000)));
  for (const time of board.querySelectorAll("[data-left]")) {
    const left = Math.max(0, Number(time.dataset.left) - Math.floor((now - put) / 1000));
    const text = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    time.textContent = left < 3600 ? text : `${Math.floor(left / 3600)}:${String(Math.floor(left / 60) % 60).padStart(2, "0")}:${String(left % 60).padStart(2, "0")}`;
  }
  mark();
}

addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
wake();
name();
open();
setInterval(beat, 1000);
