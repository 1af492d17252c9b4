// Reloads the open page at intervals. The page is complete without this script.
"use strict";
(() => {
  const main = document.querySelector("main[data-every]");
  if (!main) return;
  const seconds = Math.max(2, Number(main.dataset.every) || 30);
  setInterval(async () => {
    if (document.hidden || main.contains(document.activeElement) || String(getSelection())) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const scroll = document.querySelector(".scroll");
      const left = scroll ? scroll.scrollLeft : 0;
      main.replaceChildren(...fresh.querySelector("main").childNodes);
      document.title = fresh.title;
      const again = document.querySelector(".scroll");
      if (again) again.scrollLeft = left;
    } catch { /* the collector does not answer: the page shows the time of its data */ }
  }, seconds * 1000);
})();
