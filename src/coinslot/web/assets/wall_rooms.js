// The hotel's appliances: what turns in them, what they draw, and what stands on their touch displays.
const find = (selector, at = document) => at.querySelector(selector);
const all = (selector, at = document) => [...at.querySelectorAll(selector)];
const text = (element, words) => { if (element && element.textContent !== words) element.textContent = words; };

function showRoom(one) {
  const at = document.getElementById(one.id);
  if (!at) return;
  Object.assign(at.dataset, {
    tone: one.tone, troubles: one.troubles.join(" "), runs: Number(one.runs), hot: Number(one.hot), phase: one.phase,
  });
  const status = find("[data-status]", at);
  status.className = `status ${one.tone}`;
  text(find("[data-word]", status), one.word);
  text(find("[data-power]", at), one.power);
  for (const button of all("[data-trouble]", at)) {
    const on = one.troubles.includes(button.dataset.trouble);
    button.setAttribute("aria-pressed", String(on));
    find("[name=on]", button.form).value = on ? "0" : "1";
  }
  showGlass(find("[data-glass]", at), one);
}

const shown = new Map();

// Drawn anew only when it changes: a choice that is half made keeps its focus and its mark.
function showGlass(glass, one) {
  if (shown.get(one.id) !== one.glass) {
    const inside = glass.contains(document.activeElement);
    const test = inside ? document.activeElement.dataset.test : "";
    const picked = find("[name=package]:checked", glass)?.value;
    shown.set(one.id, one.glass);
    glass.innerHTML = one.glass;
    const seal = find("#pay [name=form]").value;
    for (const field of all("[name=form]", glass)) field.value = seal;
    const again = all("[name=package]", glass).find((field) => field.value === picked);
    if (again) again.checked = true;
    if (inside) (all(`[data-test="${test}"]`, glass)[0] ?? find("a, button, input:checked", glass) ?? glass).focus();
  }
  text(find("[data-left]", glass), one.left);
}

document.addEventListener("wall:news", (event) => event.detail.rooms.forEach(showRoom));
