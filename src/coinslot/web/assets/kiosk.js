// Keys for fingers; and what somebody typed before they left is gone after a minute.
const keys = document.querySelector("[data-keys]");
const fields = [document.getElementById("card"), document.getElementById("pin")];
let field = fields[0].value ? fields[1] : fields[0];
let touched = performance.now();
keys.hidden = false;
for (const one of fields) {
  one.setAttribute("inputmode", "none");
  one.addEventListener("focus", () => { field = one; });
  one.addEventListener("input", () => { touched = performance.now(); });
}
keys.addEventListener("click", (event) => {
  const key = event.target.closest("[data-key]")?.dataset.key;
  if (!key) return;
  touched = performance.now();
  if (key === "next") field = fields[1];
  else if (key === "back") field.value = field.value.slice(0, -1);
  else if (field.value.length < field.maxLength) field.value += key;
  // The card's ten digits are known to be whole: the PIN comes next.
  if (field === fields[0] && field.value.replace(/\D/g, "").length === 10) field = fields[1];
  field.focus();
});
setInterval(() => {
  if (performance.now() - touched > 60000 && (fields[0].value || fields[1].value || document.querySelector("[role=alert]"))) location.replace("/kiosk/out");
}, 1000);
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
