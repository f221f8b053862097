// Whether what is sent can arrive, and as whose. A form of a page goes out only after a look at who is signed in in
// this browser now: the page stays, with what is typed in it, where the session is over, where somebody else has
// signed in, or where the server is away; and it takes over the token of a session begun since it was opened.
"use strict";

const sending = (() => {
  const { account, accountName, hereUrl, loginUrl, logoutUrl } = document.body.dataset;
  const AGAIN_AFTER_MS = 5_000;
  const asked = new WeakSet();
  let stopped = null; // the form that could not go out, with the button that was pressed
  let state = "";
  let found = {};
  let timer = null;

  function renew(token) {
    document.querySelectorAll('input[name="csrfmiddlewaretoken"]').forEach((field) => (field.value = token));
    document.body.setAttribute("hx-headers", JSON.stringify({ "x-csrftoken": token }));
  }

  // "" where all is well; else "away" (no server), "out" (nobody is signed in) or "other" (somebody else is).
  async function look() {
    try {
      const answer = await fetch(hereUrl, { cache: "no-store" });
      if (!answer.ok) return "away";
      found = await answer.json();
    } catch {
      return "away";
    }
    if (!found.account) return "out";
    if (String(found.account) !== account) return "other";
    renew(found.token);
    return "";
  }

  // --- one line that says what is the matter, and the one act that helps. It goes when the matter is over.
  function act(words, does) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button--small";
    button.textContent = words;
    button.addEventListener("click", does);
    return button;
  }
  function again() {
    const { form, submitter } = stopped || {};
    over();
    if (form?.isConnected) form.requestSubmit(submitter?.isConnected ? submitter : undefined);
  }
  const signInUrl = () => `${loginUrl}?next=${encodeURIComponent(location.pathname + location.search)}`;
  function signIn() {
    const link = document.createElement("a");
    link.className = "button button--small";
    link.href = loginUrl;
    link.target = "_blank";
    link.textContent = "Sign in";
    return link;
  }
  async function change() {
    await fetch(logoutUrl, { method: "POST", headers: { "X-CSRFToken": found.token }, redirect: "manual" });
    location.assign(signInUrl());
  }
  const WORDS = {
    away: () => [`The server cannot be reached. What you write is ${kept.where()}.`, act("Try again", retry)],
    out: () => [`You are signed out. What you write is ${kept.where()}.`, signIn()],
    other: () => [
      `${found.name} is signed in in this browser now. What you write here is kept for ${accountName}.`,
      act(`Sign in as ${accountName}`, change),
    ],
    well: () => ["All is well again.", act("Send it now", again)],
  };
  function tell(next) {
    document.querySelector("[data-trouble]")?.remove();
    state = next;
    if (!state) return;
    const [words, helps] = WORDS[state]();
    const toast = say(words, state === "well" ? "success" : "warning", helps);
    toast.dataset.trouble = state;
    toast.dataset.toast = "trouble"; // it does not leave by itself
    clearTimeout(timer);
    if (state === "away") timer = setTimeout(retry, AGAIN_AFTER_MS);
  }
  function over() {
    clearTimeout(timer);
    stopped = null;
    tell("");
  }
  async function retry() {
    if (!state || state === "well") return;
    const next = await look();
    if (next) {
      if (next !== state || next === "away") tell(next);
      return;
    }
    document.dispatchEvent(new CustomEvent("concord:well"));
    if (stopped) tell("well");
    else over();
  }
  window.addEventListener("online", retry);
  window.addEventListener("focus", retry);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && retry());

  // What stopped a form, or a draft where no `form` is given.
  function report(what, form, submitter) {
    if (form) stopped = { form, submitter };
    // With all of it kept, the way there and back loses nothing.
    if (what === "out" && form && kept.isSafe()) location.assign(signInUrl());
    else tell(what);
  }

  // --- plain forms. A second submit, by a double click or a key held down, finds the first under way.
  function go(form, submitter) {
    const way = form.getAttribute("action");
    const key = kept.send(form, submitter);
    const said = { ...(submitter?.name && { [submitter.name]: submitter.value }), ...(key && { kept: key }) };
    const fields = Object.entries(said).map(([name, value]) =>
      Object.assign(document.createElement("input"), { type: "hidden", name, value }),
    );
    form.append(...fields);
    if (submitter?.hasAttribute("formaction")) form.setAttribute("action", submitter.getAttribute("formaction"));
    HTMLFormElement.prototype.submit.call(form);
    // Stopped by its person, the page stays; another button of the form then says and does another thing.
    fields.forEach((field) => field.remove());
    if (way === null) form.removeAttribute("action");
    else form.setAttribute("action", way);
  }
  window.addEventListener("submit", async (event) => {
    const form = event.target;
    const submitter = event.submitter;
    const method = submitter?.getAttribute("formmethod") || form.getAttribute("method") || "get";
    if (!account || event.defaultPrevented || method.toLowerCase() !== "post" || form.hasAttribute("hx-post")) return;
    event.preventDefault();
    if (asked.has(form)) return;
    asked.add(form);
    const what = await look();
    if (!what) {
      over();
      go(form, submitter);
      setTimeout(() => asked.delete(form), AGAIN_AFTER_MS);
      return;
    }
    asked.delete(form);
    report(what, form, submitter);
  });

  // --- forms of htmx: sent at once, and looked after where they did not arrive.
  // Of a form that the answer has taken the place of, the event names what it stood in; the request knows the form.
  function formOf(event) {
    const sent = event.detail.requestConfig?.elt || event.detail.elt;
    return sent.matches("form[hx-post]") ? sent : null;
  }
  const login = () => loginUrl && location.pathname !== loginUrl;
  function atLogin(xhr) {
    return login() && xhr.responseURL && new URL(xhr.responseURL).pathname === loginUrl;
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!atLogin(event.detail.xhr)) return;
    event.detail.shouldSwap = false;
    const form = formOf(event);
    if (form) report("out", form);
    else location.assign(signInUrl());
  });
  document.addEventListener("htmx:responseError", async (event) => {
    const { xhr, elt } = event.detail;
    const form = formOf(event);
    if (form && xhr.getResponseHeader("Form-Token") === "lost") {
      const what = await look();
      if (what) report(what, form);
      else if (!asked.has(form)) {
        asked.add(form);
        setTimeout(() => asked.delete(form), AGAIN_AFTER_MS);
        form.requestSubmit();
      }
      return;
    }
    if (xhr.status >= 502 && xhr.status <= 504) {
      // What asks again by itself catches up by itself: a database that is away need not be told every two seconds.
      if (!elt.getAttribute("hx-trigger")?.startsWith("every")) report("away", form);
      return;
    }
    const page = new DOMParser().parseFromString(xhr.response || "", "text/html");
    const reason = page.querySelector("[data-message]")?.textContent.trim();
    say(reason || `The server could not do that (${xhr.status}). Your work is still here: try again.`).dataset.fault = "";
  });
  ["htmx:sendError", "htmx:timeout"].forEach((name) =>
    document.addEventListener(name, (event) => report("away", formOf(event))),
  );
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful || atLogin(event.detail.xhr)) return;
    document.querySelectorAll("[data-toast][data-fault]").forEach((toast) => toast.remove());
    if (state) over();
  });

  return { look, report, retry, atLogin, formOf };
})();
