// The page is loaded again when what it waits for has changed: free again, checked, topped up.
const watch = document.getElementById("watch");
const look = async () => {
  if (document.visibilityState === "visible") {
    try {
      const answer = await fetch(watch.dataset.url, { cache: "no-store" });
      if (answer.ok && (await answer.text()) !== watch.dataset.state) { location.reload(); return; }
    } catch { /* no network at this moment: the next look may have one */ }
  }
  setTimeout(look, 5000);
};
setTimeout(look, 5000);
