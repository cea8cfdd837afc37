// Keeps the page up to date, and gives operators its forms. Everything that is shown comes as HTML that the edge has made, or
// is put in as text: nothing that a client has sent is ever read as HTML here.
"use strict";

(() => {
  const KEY = "homeward-token";
  const RETRY = 2000;
  const byId = (id) => document.getElementById(id);
  // In this tab alone, until it is closed.
  const token = {
    get: () => sessionStorage.getItem(KEY),
    set: (value) => sessionStorage.setItem(KEY, value),
    forget: () => sessionStorage.removeItem(KEY),
  };
  const authorized = (given) => (given ? { Authorization: `Bearer ${given}` } : {});

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // ---- what changes --------------------------------------------------------------------------------------------------

  function connection(state, text) {
    const shown = byId("connection");
    shown.dataset.state = state;
    if (shown.textContent !== text) shown.textContent = text;
  }

  function replace({ id, html }) {
    const held = byId(id);
    if (held) Idiomorph.morph(held, html, { morphStyle: "outerHTML", ignoreActiveValue: true, restoreFocus: true });
  }

  // Server-sent events by hand: EventSource cannot say a token.
  async function read(response, onEvent) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let held = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      held += value;
      const events = held.split("\n\n");
      held = events.pop();
      for (const text of events) {
        const field = (name) => text.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        if (field("event")) onEvent(field("event"), JSON.parse(field("data") ?? "{}"));
      }
    }
  }

  let stream = null;
  let lost = 0;

  async function follow() {
    stream?.abort();
    const mine = new AbortController();
    stream = mine;
    while (stream === mine) {
      try {
        const response = await fetch("/api/v1/events", { headers: authorized(token.get()), signal: mine.signal });
        if (response.status === 401 || response.status === 403) return signInAgain();
        if (!response.ok) throw new Error(`status ${response.status}`);
        lost = 0;
        connection("live", "live");
        await read(response, (kind, data) => {
          if (kind === "part") replace(data);
        });
      } catch (error) {
        if (mine.signal.aborted) return;
        lost ||= Date.now();
      }
      if (lost) connection("lost", `no answer for ${Math.max(1, Math.round((Date.now() - lost) / 1000))} s: figures are old`);
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (!byId("summary")) return;
    if (document.hidden) {
      stream?.abort();
      stream = null;
      connection("paused", "paused");
    } else if (!stream) {
      follow();
    }
  });

  // ---- who may read ----------------------------------------------------------------------------------------------------

  function signInAgain() {
    token.forget();
    location.reload();
  }

  async function show(given) {
    const response = await fetch("/", { headers: authorized(given) });
    if (!response.ok) return (await problem(response)).detail;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    token.set(given);
    byId("main").replaceWith(document.adoptNode(page.getElementById("main")));
    begin();
    return null;
  }

  async function problem(response) {
    try {
      return await response.json();
    } catch {
      return { detail: `the edge answers with status ${response.status}` };
    }
  }

  // ---- drains ----------------------------------------------------------------------------------------------------------

  const paths = { "drain-form": "/api/v1/drains", "undrain-form": "/api/v1/undrain" };
  const overrides = {
    force: "Do it all the same",
    also: "Drain beside the other drain",
    replace: "Put it in place of the drain that is there",
  };

  function open(kind, region) {
    const dialog = byId(`${kind}-dialog`);
    const form = dialog.querySelector("form");
    form.dataset.region = region;
    dialog.querySelector(".region-name").textContent = region;
    dialog.querySelector(".answer").replaceChildren();
    form.querySelector("[value=apply]").disabled = true;
    if (token.get()) form.elements.token.value = token.get();
    dialog.showModal();
    form.elements[0].focus();
  }

  function order(form, isTrial) {
    const asked = { region: form.dataset.region, dry_run: isTrial };
    for (const field of form.elements) {
      if (!field.name || field.name === "token" || field.name === "act") continue;
      if (field.type === "checkbox") {
        if (field.checked) asked[field.name] = true;
      } else if (field.value.trim()) {
        asked[field.name] = field.value.trim();
      }
    }
    return asked;
  }

  async function send(form, isTrial) {
    const answer = form.querySelector(".answer");
    const apply = form.querySelector("[value=apply]");
    apply.disabled = true;
    let response;
    try {
      response = await fetch(paths[form.id], {
        method: "POST",
        headers: { "Content-Type": "application/json", ...authorized(form.elements.token.value.trim()) },
        body: JSON.stringify(order(form, isTrial)),
      });
    } catch {
      return say(answer, "bad", "The edge does not answer. Nothing is known of what it has done: look at the drains.");
    }
    if (!response.ok) {
      const wrong = await problem(response);
      if (response.status === 401) token.forget();
      say(answer, "bad", sentence(response.status, wrong.detail));
      offer(form, answer, wrong.warnings ?? []);
      apply.disabled = isTrial || !(wrong.warnings ?? []).length;
      return undefined;
    }
    token.set(form.elements.token.value.trim());
    const told = await response.json();
    if (isTrial) {
      say(answer, "ok", preview(form, told));
      answer.append(...pictures(told.preview));
      offer(form, answer, told.warnings ?? []);
      apply.disabled = false;
      return undefined;
    }
    form.closest("dialog").close();
    return undefined;
  }

  function sentence(status, detail) {
    if (status === 401) return `This token is not one of this edge: ${detail}.`;
    if (status === 403) return `This token may not do that: ${detail}.`;
    return `${detail}.`;
  }

  function say(answer, kind, text) {
    answer.replaceChildren(element("p", { class: kind }, text));
  }

  function preview(form, told) {
    const drain = told.drain;
    if (form.id === "undrain-form") {
      return drain?.until ? `${form.dataset.region} gets everything again by ${moment(drain.until)}.` : `${form.dataset.region} gets everything again at once.`;
    }
    if (!drain) return `${form.dataset.region} would be as it is.`;
    return `${drain.region} would be left ${drain.share} of its visitors, sessions ${drain.sessions}, until ${moment(drain.until)}.`;
  }

  // What speaks against it, each with what overrides it.
  function offer(form, answer, warnings) {
    const asked = new Set();
    for (const warning of warnings) {
      answer.append(element("p", { class: "warn" }, `! ${warning.text ?? warning.detail ?? ""}`));
      if (overrides[warning.unless]) asked.add(warning.unless);
    }
    for (const name of asked) {
      const box = element("input", { type: "checkbox", name });
      answer.append(element("label", { class: "check" }, box, overrides[name]));
    }
  }

  const moment = (time) => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;
  const rate = (value) => (value >= 99.95 ? value.toFixed(0) : value.toFixed(1));

  // The matrix of a preview: from region, to region; and what each region would get.
  function pictures(told) {
    if (!told) return [];
    const sums = new Map();
    for (const cell of told.cells ?? []) {
      const key = JSON.stringify([cell.from, cell.to]);
      const sum = sums.get(key) ?? { from: cell.from, to: cell.to, all: 0, visitors: 0, orphans: 0 };
      sum.all += cell.requests_per_second;
      sum.visitors += cell.new_visitors_per_second;
      sum.orphans += cell.sessions_orphaned_per_second;
      sums.set(key, sum);
    }
    const moved = [...sums.values()].filter((sum) => sum.from !== sum.to).map((sum) => [
      `${sum.from} → ${sum.to}`, rate(sum.all), rate(sum.visitors), rate(sum.orphans),
    ]);
    const loads = (told.regions ?? []).map((region) => [
      region.name,
      rate(region.today_per_second),
      rate(region.gets_per_second),
      region.capacity_per_second == null ? "–" : rate(region.capacity_per_second),
      region.over_capacity ? "✕ too much" : "✓ fits",
    ]);
    const movement = moved.length
      ? table("What would move, in requests a second", ["from → to", "requests", "new visitors", "orphaned"], moved)
      : element("p", {}, "Of the requests of the last minute none would move.");
    return [
      movement,
      table("What each region would get, in requests a second", ["region", "today", "then", "capacity", "fits"], loads),
    ];
  }

  function table(caption, heads, rows) {
    const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
    const body = rows.map(([first, ...rest]) =>
      element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((text) => element("td", {}, text))));
    const made = element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body));
    return element("div", { class: "wide", role: "region", "aria-label": caption, tabindex: "0" }, made);
  }

  // ---- all of it -------------------------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.drain) open("drain", button.dataset.drain);
    if (button.dataset.undrain) open("undrain", button.dataset.undrain);
    if ("close" in button.dataset) button.closest("dialog").close();
  });

  document.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (form.id === "sign-in-form") {
      const wrong = await show(form.elements.token.value.trim());
      if (wrong) say(form.querySelector(".answer"), "bad", `${wrong}.`);
    } else if (paths[form.id]) {
      await send(form, event.submitter?.value !== "apply");
    }
  });

  // What was previewed is what is applied.
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form && paths[form.id] && event.target.type !== "checkbox" && event.target.name !== "token") {
      form.querySelector("[value=apply]").disabled = true;
    }
  });

  function begin() {
    document.documentElement.classList.add("scripted");
    if (byId("summary")) {
      connection("connecting", "connecting");
      follow();
    }
  }

  if (byId("sign-in-form") && token.get()) {
    show(token.get()).then((wrong) => { if (wrong) token.forget(); });
  } else {
    begin();
  }
})();
