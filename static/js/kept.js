// What is typed and not yet taken by the server is kept in this browser: for its writer alone, under their account,
// until the server says that it has it. Every form in which somebody writes is kept, without being told to.
//   data-kept="name"    what the form is about, where its address does not say it; "no": nothing is kept.
//   data-kept-stays     on a button: what it sends is no answer (giving back, for one), so what was typed stays kept.
//   data-kept-drop="…"  on a link: whoever follows it has chosen to let go of what is kept under this name.
//   data-kept-rebuild   on a form that grows: the field with which the server brings back a form of any size.
//   data-kept-shown="…" shows the words that are kept for a form which is not there any more.
//   data-fresh          on a hidden field: it belongs to the page, not to what was typed.
"use strict";

const kept = (() => {
  const PREFIX = "concord-kept";
  const SENT = "concord-kept-sent";
  const WAIT_MS = 250;
  const { account } = document.body.dataset;
  const page = Date.now().toString(36) + Math.random().toString(36).slice(2, 8);
  const forms = new Map(); // form → { name, initial, own, dirty, timer }
  const dropped = new Set();

  function store(act) {
    try {
      return act(localStorage);
    } catch {
      return null; // Storage is switched off, full, or what was kept is damaged.
    }
  }
  const safe = Boolean(account && store((storage) => (storage.setItem(PREFIX, "1"), storage.removeItem(PREFIX), true)));

  // --- entries: one of each page that has something unsent, so that no tab overwrites another's.
  const keyOf = (name, of = page) => [PREFIX, account, name, of].join("|");
  function entries(name) {
    const beginning = keyOf(name, "");
    const found = store((storage) =>
      Object.keys(storage)
        .filter((key) => key.startsWith(beginning))
        .map((key) => ({ ...JSON.parse(storage.getItem(key)), key })),
    );
    return (found || []).sort((one, other) => other.at - one.at);
  }
  const remove = (key) => store((storage) => storage.removeItem(key));

  // --- forms
  const WRITES = 'textarea, select, input:not([type="hidden"], [type="submit"], [type="button"], [type="file"], [type="password"])';
  const own = (form, selector) => [...form.elements].filter((field) => field.matches(selector));
  const isKept = (form) => form.dataset.kept !== "no" && form.getAttribute("method") === "post" && own(form, WRITES).length > 0;
  const nameOf = (form) => form.dataset.kept || new URL(form.getAttribute("action") || location.href, location).pathname;
  function fieldsOf(form) {
    const fresh = new Set(own(form, 'input[type="password"], [data-fresh]').map((field) => field.name));
    fresh.add("csrfmiddlewaretoken");
    return [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !fresh.has(name));
  }
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  function fill(form, fields) {
    const given = new Map();
    fields.forEach(([name, value]) => given.set(name, [...(given.get(name) || []), value]));
    const fresh = '[data-fresh], [name="csrfmiddlewaretoken"], [type="password"], [type="file"], [type="submit"]';
    [...form.elements].forEach((field) => {
      if (!field.name || field.matches(fresh)) return;
      const values = given.get(field.name);
      if (field.type === "radio" || field.type === "checkbox") field.checked = Boolean(values?.includes(field.value));
      else if (values?.length) field.value = values.shift();
    });
    form.querySelectorAll("details").forEach((box) => {
      if ([...box.querySelectorAll("textarea")].some((text) => text.value && !text.disabled)) box.open = true;
    });
    form.dispatchEvent(new CustomEvent("concord:filled", { bubbles: true }));
  }
  // A form that has grown since comes from the server, which knows how. Null where that cannot be done now.
  async function rebuild(form, fields) {
    const names = new Set([...form.elements].map((field) => field.name));
    if (!("keptRebuild" in form.dataset) || fields.every(([name]) => names.has(name))) return form;
    const body = new URLSearchParams(fields);
    body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
    body.set(form.dataset.keptRebuild, "nothing");
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(form.id);
      if (fresh) form.replaceWith(fresh);
      return fresh;
    } catch {
      return null; // The server is away, or the page is being left.
    }
  }

  function write(form) {
    const about = forms.get(form);
    if (!about?.dirty || dropped.has(about.name)) return;
    clearTimeout(about.timer);
    about.timer = null;
    const fields = fieldsOf(form);
    if (same(fields, about.initial)) {
      remove(keyOf(about.name));
      return;
    }
    const entry = { at: Date.now(), fields, draft: window.drafts?.mark(form) };
    about.failed = !store((storage) => (storage.setItem(keyOf(about.name), JSON.stringify(entry)), true));
  }
  function changed(form) {
    const about = forms.get(form);
    if (!about) return;
    about.dirty = true;
    about.timer ||= setTimeout(() => write(form), WAIT_MS);
  }

  // --- a line in the form that tells of what is kept, with what can be done about it.
  function notice(form, words, acts) {
    form.querySelector("[data-kept-notice]")?.remove();
    if (!words) return;
    const line = document.createElement("div");
    line.className = "notice kept-notice";
    line.dataset.keptNotice = "";
    line.setAttribute("role", "status");
    const text = document.createElement("p");
    text.textContent = words;
    line.append(text);
    Object.entries(acts).forEach(([label, does]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button--small";
      button.textContent = label;
      button.addEventListener("click", () => (notice(form), does()));
      line.append(button);
    });
    (form.querySelector(".panel__body") || form).prepend(line);
  }
  const when = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  function discard(name) {
    dropped.add(name);
    entries(name).forEach((entry) => remove(entry.key));
    location.reload();
  }
  async function take(form, entry) {
    const about = forms.get(form);
    const fresh = await rebuild(form, entry.fields);
    if (!fresh) {
      notice(form, "What you had written is kept: it comes back once the server answers.", {
        "Try again": () => take(form, entry),
      });
      return null;
    }
    if (fresh !== form) forms.delete(form);
    form = fresh;
    forms.set(form, about);
    window.drafts?.follow(form, entry);
    fill(form, entry.fields);
    changed(form);
    write(form);
    if (entry.key !== keyOf(about.name)) remove(entry.key);
    return form;
  }

  async function begin(form) {
    if (!account || forms.has(form) || !isKept(form)) return;
    const name = nameOf(form);
    const about = { name, initial: fieldsOf(form), dirty: false, timer: null };
    forms.set(form, about);
    const sent = store(() => JSON.parse(sessionStorage.getItem(SENT) || "null"));
    if ("returned" in document.body.dataset && sent?.name === name) {
      // It came back, refused or one row longer: what stands in it is what was typed.
      about.initial = null;
      changed(form);
      write(form);
      remove(sent.key);
      return;
    }
    const found = entries(name);
    const mine = found.find((entry) => entry.key === keyOf(name));
    if (mine && same(mine.fields, about.initial)) {
      // htmx has brought this very form back, refused: it is as unsent as it was.
      about.initial = null;
      about.dirty = true;
      window.drafts?.begin(form, true);
      return;
    }
    const isThere = (entry) => same(entry.fields, about.initial) || window.drafts?.isThere(form, entry);
    while (found.length && isThere(found[0])) remove(found.shift().key);
    if (!found.length) return void window.drafts?.begin(form, false);
    const [newest, other] = found;
    if (window.drafts?.isBehind(form, newest)) {
      const words = `You have written on elsewhere since ${when(newest.at)}. What you wrote here until then is kept.`;
      const acts = { "Take what is kept here": () => take(form, newest), "Let go of it": () => remove(newest.key) };
      notice(form, words, acts);
      window.drafts.begin(form, false);
      return;
    }
    form = await take(form, newest);
    if (!form) return;
    if (window.drafts?.begin(form, true)) return;
    const acts = { "Go on with it": () => {}, "Discard it": () => discard(name) };
    if (other) acts[`Take that of ${when(other.at)}`] = () => take(form, other);
    notice(form, `What you had written and not sent is back, from ${when(newest.at)}.`, acts);
  }

  // --- the server has it: a form of htmx by the answer, a plain one by a cookie with the answer's way on.
  function taken(key) {
    remove(key);
    const name = key.split("|")[2];
    forms.forEach((about, form) => {
      if (about.name !== name || keyOf(name) !== key) return;
      clearTimeout(about.timer);
      forms.delete(form);
    });
  }
  // What stands in the form now is with the server, as a draft.
  function settle(form) {
    const about = forms.get(form);
    if (!about) return;
    clearTimeout(about.timer);
    Object.assign(about, { initial: fieldsOf(form), dirty: false, timer: null });
    remove(keyOf(about.name));
  }
  // A plain form is being sent: the key of its entry, by which the answer says that the server has it; "" for none.
  function send(form, submitter) {
    const about = forms.get(form);
    if (!about) return "";
    if (safe) about.dirty = true;
    about.initial = null;
    write(form);
    if (submitter && "keptStays" in submitter.dataset) return "";
    const key = keyOf(about.name);
    store(() => sessionStorage.setItem(SENT, JSON.stringify({ name: about.name, key })));
    return key;
  }
  const cookie = /(?:^|; )concord-taken="?([^;"]*)/.exec(document.cookie)?.[1];
  if (cookie) {
    taken(decodeURIComponent(cookie));
    document.cookie = "concord-taken=; max-age=0; path=/";
  }

  ["input", "change"].forEach((kind) =>
    document.addEventListener(kind, (event) => event.target.form && changed(event.target.form)),
  );
  const writeAll = () => forms.forEach((_, form) => form.isConnected && write(form));
  window.addEventListener("pagehide", writeAll);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && writeAll());
  window.addEventListener("beforeunload", (event) => {
    const unkept = [...forms].some(([form, about]) => form.isConnected && about.dirty && (!safe || about.failed));
    if (unkept && account) event.preventDefault();
  });
  // Back to a page that the browser had laid aside whole: its form may have been used.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  window.addEventListener("storage", (event) => {
    forms.forEach((about, form) => {
      if (!event.newValue || !form.isConnected || !event.key?.startsWith(keyOf(about.name, ""))) return;
      const entry = { ...JSON.parse(event.newValue), key: event.key };
      notice(form, "You are writing this in another tab, too.", {
        "Keep what stands here": () => {},
        "Take what stands there": () => take(form, entry),
      });
    });
  });
  document.addEventListener("click", (event) => {
    const name = event.target.closest("[data-kept-drop]")?.dataset.keptDrop;
    if (!name) return;
    dropped.add(name);
    entries(name).forEach((entry) => remove(entry.key));
  });

  function show() {
    document.querySelectorAll("[data-kept-shown]").forEach((place) => {
      const [entry] = entries(place.dataset.keptShown);
      const words = (entry?.fields || []).filter(([, value]) => /\s/.test(value.trim()));
      if (!words.length) return;
      place.querySelector("[data-kept-words]").textContent = words.map(([, value]) => value).join("\n\n");
      place.hidden = false;
    });
  }
  function beginAll() {
    forms.forEach((_, form) => form.isConnected || forms.delete(form));
    document.querySelectorAll("form").forEach((form) => begin(form));
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = sending.formOf(event);
    if (form && event.detail.successful && !sending.atLogin(event.detail.xhr)) taken(keyOf(nameOf(form)));
  });
  // At once: what is typed before a new form has settled counts, too.
  document.addEventListener("htmx:afterSwap", beginAll);
  document.addEventListener("DOMContentLoaded", () => (beginAll(), show()));

  return {
    send,
    settle,
    notice,
    discard: (form) => discard(nameOf(form)),
    isSafe: () => safe && ![...forms.values()].some((about) => about.failed),
    where: () => (safe ? "kept in this browser" : "on this page alone: do not leave it"),
  };
})();
