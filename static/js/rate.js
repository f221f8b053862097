// The Rate workplace: drafts kept by themselves, time in use, focus after the next response has come.
// Without it the page is a plain form with a "Keep as draft" button.
"use strict";

(() => {
  const SAVE_AFTER_MS = 800;
  const RETRY_AFTER_MS = 10_000;
  const IDLE_AFTER_MS = 60_000;

  const root = () => document.getElementById("rate");
  const form = () => document.getElementById("rating-form");
  const keyOf = (slot) => `concord-draft-${slot}`;
  let timer = null;
  let changed = false;
  let lastSign = Date.now();

  // --- drafts: to the server shortly after each change; to this browser while the server is out of reach.
  function keepHere(slot, data) {
    const fields = [...data].filter(([name]) => !["csrfmiddlewaretoken", "submission"].includes(name));
    try {
      localStorage.setItem(keyOf(slot), JSON.stringify(fields));
      return true;
    } catch {
      return false;
    }
  }
  function forget(slot) {
    try {
      localStorage.removeItem(keyOf(slot));
    } catch {
      // Storage is switched off: nothing was kept.
    }
  }
  function keptHere(slot) {
    try {
      return JSON.parse(localStorage.getItem(keyOf(slot)) || "null");
    } catch {
      return null;
    }
  }
  function show(text) {
    const place = document.querySelector("[data-draft-state]");
    if (place && place.textContent !== text) place.textContent = text;
  }
  function schedule(after) {
    clearTimeout(timer);
    timer = setTimeout(save, after);
  }
  async function save(leaving = false) {
    clearTimeout(timer);
    if (!changed || !form()) return;
    changed = false;
    const { slot, draftUrl } = root().dataset;
    const data = new FormData(form());
    let answer = null;
    try {
      answer = await fetch(draftUrl, {
        method: "POST",
        body: data,
        headers: { "X-Requested-With": "fetch" },
        redirect: "manual",
        keepalive: leaving === true,
      });
    } catch {
      // Out of reach: handled like an answer that did not come.
    }
    if (answer?.ok) {
      forget(slot);
      show("Draft saved");
    } else if (answer && answer.status >= 400 && answer.status < 500) {
      forget(slot);
      show("");
    } else {
      const kept = keepHere(slot, data);
      show(kept ? "Offline: draft kept in this browser" : "Offline: draft not saved yet");
      changed = true;
      if (root()?.dataset.slot === slot) schedule(RETRY_AFTER_MS);
    }
  }
  function restore(fields) {
    fields.forEach(([name, value]) => {
      form().querySelectorAll(`[name="${CSS.escape(name)}"]`).forEach((field) => {
        if (field.type === "radio" || field.type === "checkbox") field.checked = field.value === value;
        else field.value = value;
      });
    });
    const revision = form().querySelector(".rate__revision");
    if (revision.querySelector("textarea").value) revision.open = true;
    changed = true;
    schedule(0);
  }
  ["input", "change"].forEach((name) =>
    document.addEventListener(name, (event) => {
      if (!event.target.closest("#rating-form")) return;
      changed = true;
      schedule(SAVE_AFTER_MS);
    }),
  );
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && save(true));
  window.addEventListener("pagehide", () => save(true));
  window.addEventListener("online", () => save());

  // --- a submit replaces the draft; one that fails brings it back.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id !== "rating-form") return;
    clearTimeout(timer);
    event.detail.xhr.concordSlot = root().dataset.slot;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const slot = event.detail.xhr?.concordSlot;
    if (!slot) return;
    if (event.detail.successful) {
      forget(slot);
      if (!root()?.dataset.slot || root().dataset.slot !== slot) changed = false;
    } else if (form()) {
      changed = true;
      schedule(SAVE_AFTER_MS);
    }
  });

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
      changed = false;
      const fault = root().querySelector(".likert--invalid input, .chips--invalid input, [aria-invalid]");
      const counts = root().querySelector(".rate__counts")?.textContent || "";
      const news = document.getElementById("rate-news");
      if (fault) {
        changed = true;
        fault.focus();
      } else {
        window.scrollTo(0, 0);
        (document.getElementById("prompt-title") || document.getElementById("main"))?.focus({ preventScroll: true });
        if (news) news.textContent = `${root().dataset.news} ${counts}`.trim();
      }
    }
    const slot = root().dataset.slot;
    const kept = slot && keptHere(slot);
    if (kept) restore(kept);
  }
  document.addEventListener("htmx:afterSettle", (event) => event.detail.elt.id === "rate" && begin(true));
  begin(false);
})();
