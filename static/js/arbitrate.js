// The leads' pages: moving through the queue, adopting a rating by its dot, the time left on a claim.
"use strict";

(() => {
  // --- j and k move through the rows; the browser's own Enter presses the focused button.
  const buttons = () => [...document.querySelectorAll("[data-row] button")];
  const typing = (target) => target.isContentEditable || target.matches("textarea, select, input");
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (document.querySelector("dialog[open]") || document.querySelector("[data-keys-switch]:not(:checked)")) return;
    const step = { j: 1, k: -1 }[keyOf(event)];
    const all = buttons();
    if (!step || !all.length) return;
    event.preventDefault();
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1);
    all[next].focus({ focusVisible: true });
    all[next].closest("[data-row]").scrollIntoView({ block: "nearest" });
  });

  // --- a click on an expert's dot over a row adopts its score.
  document.addEventListener("click", (event) => {
    const note = event.target.closest("[data-likert] [data-score]");
    if (!note) return;
    const row = note.closest("[data-likert]");
    const radio = row.querySelector(`input[type="radio"][value="${note.dataset.score}"]`);
    const input = radio || row.querySelector('input[type="number"]');
    if (input.disabled) return;
    if (radio) radio.checked = true;
    else input.value = note.dataset.score;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.focus({ focusVisible: true });
  });

  // --- the time left, for those who run script; without it the page says until when.
  const MINUTE_MS = 60_000;
  function count() {
    document.querySelectorAll("[data-countdown]").forEach((place) => {
      const left = Math.ceil((Date.parse(place.dataset.countdown) - Date.now()) / MINUTE_MS);
      place.textContent = left > 0 ? `yours for ${left} more min` : "time is up: another lead may take it";
      if (left <= 0) place.classList.replace("badge--active", "badge--warn");
    });
  }
  count();
  setInterval(count, MINUTE_MS / 4);
})();
