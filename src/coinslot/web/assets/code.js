// Six digits are sent at once, typed, pasted or filled in; the next message is offered when there is one to have.
const field = document.getElementById("code");
let tried = "";
field.addEventListener("input", () => {
  const digits = field.value.normalize("NFKC").replace(/[\s-]/g, "");
  if (/^\d{6}$/.test(digits) && digits !== tried) {
    tried = digits;
    field.form.requestSubmit();
  }
});
const wait = document.getElementById("wait");
const resend = document.getElementById("resend");
const until = performance.now() + Number(wait.dataset.seconds) * 1000;
const said = wait.textContent;
const tick = () => {
  const left = Math.ceil((until - performance.now()) / 1000);
  resend.disabled = left > 0;
  wait.textContent = left > 0 ? wait.dataset.words.replace("{s}", left) : said;
  if (left > 0) setTimeout(tick, 1000);
};
if (Number(wait.dataset.seconds) > 0) tick();
