// Counts down what the server gave, and asks every two seconds whether the code was typed.
const card = document.querySelector("[data-code]");
const clock = document.querySelector("[data-clock]");
const bar = document.querySelector("progress");
const copy = document.querySelector("[data-copy]");
const two = (number) => String(number).padStart(2, "0");
let ends = performance.now() + Number(card.dataset.left);
let over = false;

function tick() {
  const left = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
  const hours = Math.floor(left / 3600), minutes = Math.floor(left / 60) % 60;
  clock.textContent = hours ? `${hours}:${two(minutes)}:${two(left % 60)}` : `${minutes}:${two(left % 60)}`;
  bar.value = Math.round((100000 * left) / Number(card.dataset.life));
}

async function ask() {
  if (over) return;
  if (!document.hidden) {
    try {
      const answer = await fetch(`${card.dataset.code}/state`, { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (answer.ok) show(await answer.json());
      else if (answer.status === 404) location.reload();
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError)) throw error;
    }
  }
  setTimeout(ask, 2000);
}

function show(news) {
  ends = performance.now() + news.left_ms;
  if (!news.go && news.phase === card.dataset.phase) return;
  over = true;
  if (news.go) location.replace(news.go);
  else location.reload();
}

if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(copy.dataset.copy);
      copy.textContent = copy.dataset.done;
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      copy.hidden = true;
    }
  });
}
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
if (clock) setInterval(tick, 1000);
setTimeout(ask, 2000);
