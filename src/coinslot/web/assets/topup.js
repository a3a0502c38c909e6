// Of an amount tapped and one typed, the last counts.
const own = document.getElementById("own");
const chips = [...document.querySelectorAll("input[name=amount]")];
if (own) {
  for (const chip of chips) chip.addEventListener("change", () => { own.value = ""; });
  own.addEventListener("input", () => {
    if (own.value.trim()) for (const chip of chips) chip.checked = false;
  });
}
