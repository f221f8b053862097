// The Rate workplace: time in use, focus after the next response has come. Drafts: drafts.js.
// Without it the page is a plain form with a "Keep as draft" button.
"use strict";

(() => {
  const IDLE_AFTER_MS = 60_000;

  const root = () => document.getElementById("rate");
  const form = () => document.getElementById("rating-form");
  let lastSign = Date.now();

  // --- time in use: seconds in which the page was visible, in focus, and somebody was at it.
  ["keydown", "pointerdown", "pointermove", "wheel", "touchmove"].forEach((name) =>
    document.addEventListener(name, () => (lastSign = Date.now()), { passive: true }),
  );
  setInterval(() => {
    const field = form()?.elements.seconds;
    const atIt = document.visibilityState === "visible" && document.hasFocus();
    if (field && atIt && Date.now() - lastSign < IDLE_AFTER_MS) field.value = Number(field.value || 0) + 1;
  }, 1000);

  // --- the form's small conveniences.
  document.addEventListener("click", (event) => {
    const summary = event.target.closest(".rate__revision > summary");
    if (summary) {
      // Opened here and now, so that what is typed next already goes into the text.
      event.preventDefault();
      summary.parentElement.open = !summary.parentElement.open;
      if (summary.parentElement.open) summary.parentElement.querySelector("textarea").focus();
      return;
    }
    if (!event.target.closest("[data-prefill]")) return;
    const text = form().elements.revised_response;
    if (text.value.trim() && !window.confirm("Replace what you have written by the response?")) return;
    text.value = form().querySelector("[data-response-source]").value;
    text.dispatchEvent(new Event("input", { bubbles: true }));
    text.focus();
  });
  document.addEventListener("keydown", (event) => {
    // Out of the text, back to the single keys.
    if (event.key === "Escape" && event.target.matches("#rating-form textarea")) event.target.blur();
  });

  // --- each time a response comes: say so, and put the focus where reading or mending begins.
  function begin(arrived) {
    if (!root()) return;
    document.querySelectorAll("[data-prefill]").forEach((button) => (button.hidden = false));
    if (form()) form().elements.seconds.value ||= "0";
    if (arrived) {
      const fault = root().querySelector(".likert--invalid input, .chips--invalid input, [aria-invalid]");
      const counts = root().querySelector(".rate__counts")?.textContent || "";
      const news = document.getElementById("rate-news");
      if (fault) fault.focus();
      else {
        window.scrollTo(0, 0);
        (document.getElementById("prompt-title") || document.getElementById("main"))?.focus({ preventScroll: true });
        if (news) news.textContent = `${root().dataset.news} ${counts}`.trim();
      }
    }
  }
  document.addEventListener("htmx:afterSettle", (event) => event.detail.elt.id === "rate" && begin(true));
  begin(false);
})();
