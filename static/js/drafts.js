// Drafts on the server, of forms with data-draft-url: saved shortly after a change, and at the latest two seconds after
// it while somebody types on. What could not be saved stays kept in this browser (kept.js) and is tried again.
//   data-draft-form, -turn, -edition   the draft that the server had when it made the page: the key of the form that
//                                      wrote it, in its how-manieth save, and the draft's version.
"use strict";

window.drafts = (() => {
  const QUIET_MS = 800;
  const LATEST_MS = 2000;
  const RETRY_MS = 10_000;
  let form = null;
  let turn = 0;
  let since = null; // when the first change was made that no save has taken along
  let timer = null;
  let saving = false;
  let chooses = false; // the writer is asked which of two drafts stays

  function show(text) {
    const place = document.querySelector("[data-draft-state]");
    if (place && place.textContent !== text) place.textContent = text;
  }
  function schedule(after) {
    clearTimeout(timer);
    timer = setTimeout(save, after);
  }
  function change() {
    since ??= Date.now();
    if (!chooses) schedule(Math.max(0, Math.min(QUIET_MS, since + LATEST_MS - Date.now())));
  }
  // What tells where an entry stands among the drafts: it goes out with the next save, and rests on what was seen.
  const mark = (of) => of === form && { form: form.elements.submission.value, turn: turn + 1, seen: form.elements.seen.value };

  // The server has it already.
  const isThere = (of, { draft }) => draft && draft.form === of.dataset.draftForm && draft.turn <= Number(of.dataset.draftTurn);
  // The server has a draft of another form, that this entry does not know.
  function isBehind(of, { draft }) {
    const { draftForm, draftEdition } = of.dataset;
    return Boolean(draft && draftEdition) && draft.form !== draftForm && draft.seen !== draftEdition;
  }
  // What is written on here was begun in another form, whose last save may still be on its way.
  function follow(of, { draft }) {
    if (draft) of.elements.follows.value = `${draft.form}.${draft.turn}`;
  }

  function begin(of, isChanged) {
    if (!("draftUrl" in of.dataset)) return false;
    if (form?.elements.submission.value !== of.elements.submission.value) turn = 0;
    form = of;
    since = null;
    chooses = false;
    clearTimeout(timer);
    show("");
    if (isChanged) change();
    return true;
  }

  async function save(leaving = false) {
    clearTimeout(timer);
    if (since === null || chooses || !form?.isConnected || (saving && leaving !== true)) return;
    const of = form;
    const began = since;
    since = null;
    turn += 1;
    of.elements.turn.value = turn;
    const body = new URLSearchParams([...new FormData(of)].filter(([, value]) => typeof value === "string"));
    const headers = { "X-Requested-With": "fetch" };
    saving = true;
    let answer = null;
    try {
      answer = await fetch(of.dataset.draftUrl, { method: "POST", body, headers, redirect: "manual", keepalive: leaving === true });
    } catch {
      // Out of reach: handled like an answer that did not come.
    }
    saving = false;
    if (of !== form || !of.isConnected) return;
    if (answer?.ok) {
      of.elements.seen.value = answer.headers.get("Draft-Version");
      sending.retry();
      if (since === null) {
        kept.settle(of);
        show("Draft saved");
      } else change();
      return;
    }
    since ??= began;
    if (answer?.status === 409) choose(answer.headers.get("Draft-Version"));
    else if (answer && (answer.type === "opaqueredirect" || answer.headers.get("Form-Token") === "lost")) await renew();
    else if (answer && answer.status >= 400 && answer.status < 500) {
      since = null;
      show(`This is not before you any more: what you wrote is ${kept.where()}`);
    } else {
      show(kept.isSafe() ? "Offline: draft kept in this browser" : "Offline: draft not saved yet");
      schedule(RETRY_MS);
    }
  }
  // The session is over, or another has begun since the page was opened.
  async function renew() {
    const what = await sending.look();
    if (what === "away") return schedule(RETRY_MS);
    show(what && kept.isSafe() ? "Draft kept in this browser" : "");
    if (what) sending.report(what);
    else schedule(QUIET_MS);
  }
  function choose(version) {
    chooses = true;
    show("");
    kept.notice(form, "You have written on in another tab or on another machine since.", {
      "Keep what stands here": () => {
        chooses = false;
        form.elements.seen.value = version;
        since ??= Date.now();
        save();
      },
      "Take what was written there": () => kept.discard(form),
    });
  }

  ["input", "change"].forEach((kind) =>
    document.addEventListener(kind, (event) => event.target.form === form && form && change()),
  );
  document.addEventListener("concord:filled", (event) => event.target === form && change());
  document.addEventListener("concord:well", () => save());
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && save(true));
  window.addEventListener("pagehide", () => save(true));
  window.addEventListener("online", () => save());
  // A submit takes the draft along; one that did not arrive brings it back.
  document.addEventListener("htmx:beforeRequest", (event) => event.detail.elt === form && clearTimeout(timer));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt !== form || (event.detail.successful && !sending.atLogin(event.detail.xhr))) return;
    if (form.isConnected && since !== null) schedule(QUIET_MS);
  });

  return { begin, mark, isThere, isBehind, follow };
})();
