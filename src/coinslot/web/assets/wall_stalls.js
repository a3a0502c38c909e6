// Showers: their displays and water, and keypads for mouse, finger and keyboard. What is pressed goes one after the other.
const find = (selector, at = document) => at.querySelector(selector);
const all = (selector, at = document) => [...at.querySelectorAll(selector)];
const text = (element, words) => { if (element && element.textContent !== words) element.textContent = words; };

function show(one) {
  const at = document.getElementById(one.id);
  if (!at) return;
  Object.assign(at.dataset, {
    tone: one.tone, troubles: one.troubles.join(" "), flows: Number(one.flows), open: Number(one.open),
  });
  const status = find("[data-status]", at);
  status.className = `status ${one.tone}`;
  text(find("[data-word]", status), one.word);
  text(find("[data-valve]", at), one.valve);
  text(find("[data-litres]", at), one.litres);
  one.lines.forEach((line, number) => text(find(`[data-line="${number}"]`, at), line));
  for (const button of all("[data-trouble]", at)) {
    const on = one.troubles.includes(button.dataset.trouble);
    button.setAttribute("aria-pressed", String(on));
    find("[name=on]", button.form).value = on ? "0" : "1";
  }
}

document.addEventListener("wall:news", (event) => event.detail.stalls.forEach(show));

// ---------------------------------------------------------------- keys

const waiting = new Map(); // by keypad: keys that were pressed while others were on their way
const MOST = 32;

function press(form, key) {
  const keys = waiting.get(form);
  if (keys !== undefined) return waiting.set(form, (keys + key).slice(0, MOST));
  waiting.set(form, "");
  send(form, key);
}

function send(form, keys) {
  const done = () => {
    const more = waiting.get(form);
    if (!more) return waiting.delete(form);
    waiting.set(form, "");
    send(form, more);
  };
  document.dispatchEvent(new CustomEvent("wall:send", { detail: { form, pressed: { name: "keys", value: keys }, done } }));
}

for (const form of all("[data-keypad]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (event.submitter) press(form, event.submitter.value);
  });
}

// Whoever has pressed a stall types at its keypad: digits, * and #, Backspace as *, Enter as # where no button has it.
function keyOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return "";
  if (/^[0-9*#]$/.test(event.key)) return event.key;
  if (event.key === "Backspace") return "*";
  return event.key === "Enter" && event.target.matches("[data-keypad]") ? "#" : "";
}

for (const stall of all("[data-stall]")) {
  const form = find("[data-keypad]", stall);
  stall.addEventListener("keydown", (event) => {
    const key = keyOf(event);
    if (!key || event.target.matches("input:not([type=hidden])")) return;
    event.preventDefault();
    if (event.repeat) return;
    const button = all("[data-key]", form).find((one) => one.dataset.key === key);
    button.dataset.down = "";
    form.focus({ preventScroll: true });
    press(form, key);
  });
  stall.addEventListener("keyup", () => all("[data-down]", form).forEach((button) => delete button.dataset.down));
  stall.addEventListener("focusout", () => all("[data-down]", form).forEach((button) => delete button.dataset.down));
  for (const part of all(".lcd, .cubicle", stall)) part.addEventListener("click", () => form.focus());
}
