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

  // --- a half-filled form is kept in this browser until it has been taken, also over a closed tab or a lapsed claim.
  const SENT = "concord-case-sent";
  const form = document.querySelector("form[data-kept]");
  const store = (act) => {
    try {
      return act(localStorage);
    } catch {
      return null; // Storage is switched off, or what was kept is damaged: nothing is kept.
    }
  };
  function restore(fields) {
    fields.forEach(([name, value]) => {
      [...form.elements].filter((field) => field.name === name).forEach((field) => {
        if (field.type === "radio") field.checked = field.value === value;
        else if (field.matches('textarea, input[type="number"]')) field.value = value;
      });
    });
  }
  store((storage) => {
    // Another page than the form that was sent: it was taken.
    const sent = storage.getItem(SENT);
    if (sent && sent !== form?.dataset.kept) storage.removeItem(sent);
    storage.removeItem(SENT);
    // A refused form comes back filled in, which is newer than what was kept.
    const fields = form && !document.getElementById("case-error") && JSON.parse(storage.getItem(form.dataset.kept));
    if (fields) restore(fields);
  });
  ["input", "change"].forEach((kind) =>
    document.addEventListener(kind, (event) => {
      if (!form || event.target.form !== form) return;
      const fields = [...new FormData(form)].filter(([name]) => !["csrfmiddlewaretoken", "submission"].includes(name));
      store((storage) => storage.setItem(form.dataset.kept, JSON.stringify(fields)));
    }),
  );
  // Heard last, when a question asked before ("Keep this out of training?") may have been answered with no.
  window.addEventListener("submit", (event) => {
    if (event.target === form && !event.defaultPrevented) store((storage) => storage.setItem(SENT, form.dataset.kept));
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
