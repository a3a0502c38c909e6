// A form pressed twice is sent once. A page that comes back from the browser's memory may be pressed again.
const forms = document.querySelectorAll("form[data-once]");
const buttons = (form) => [...document.querySelectorAll("button")].filter((one) => one.form === form);
for (const form of forms) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    for (const one of buttons(form)) one.setAttribute("aria-disabled", "true");
  });
}
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of forms) {
    delete form.dataset.sent;
    for (const one of buttons(form)) one.removeAttribute("aria-disabled");
  }
});
