// What the hotel's own system was told: one line for each message, the newest first.
const list = document.querySelector("#told");

function show(one) {
  if (one.n <= Number(list.firstElementChild?.dataset.n ?? 0)) return;
  const made = document.querySelector("#told-row").content.firstElementChild.cloneNode(true);
  Object.assign(made.dataset, { n: one.n, right: Number(one.right) });
  for (const part of ["at", "mark", "word", "kind", "what"]) made.querySelector(`[data-${part}]`).textContent = one[part];
  list.prepend(made);
  while (list.children.length > 30) list.lastElementChild.remove();
  document.querySelector("#no-told").hidden = true;
}

if (list) document.addEventListener("wall:news", (event) => event.detail.told.forEach(show));
