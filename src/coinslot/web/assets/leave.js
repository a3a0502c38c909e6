// Whoever was here has left: nothing of theirs stays on the screen.
const minute = Number(document.querySelector("[data-leave]").dataset.leave) * 1000;
setTimeout(() => location.replace("/kiosk/out"), minute);
addEventListener("pageshow", (event) => {
  if (event.persisted) location.replace("/kiosk/out");
});
