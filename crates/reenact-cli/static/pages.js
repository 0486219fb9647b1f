// What every page has: the keys, what is said aloud, and requests to the API.
"use strict";

const reenact = (() => {
  const csrf = document.querySelector('meta[name="csrf"]').content;
  const said = document.getElementById("said");
  let silence;

  /** Says something to whoever looks or listens, for a while. */
  function say(text) {
    said.textContent = text;
    clearTimeout(silence);
    silence = setTimeout(() => { said.textContent = ""; }, 6000);
  }

  /** Asks the API; what goes wrong is thrown as it was told, with its `status`. */
  async function api(method, path, sent) {
    const request = { method, headers: { "x-reenact-csrf": csrf } };
    if (sent !== undefined) {
      request.headers["content-type"] = "application/json";
      request.body = JSON.stringify(sent);
    }
    let answer;
    try {
      answer = await fetch(path, request);
    } catch {
      throw { status: 0, error: "nobody answers: is the program still running?" };
    }
    const told = await answer.json().catch(() => ({ error: "the answer cannot be read" }));
    if (!answer.ok) throw { status: answer.status, ...told };
    return told;
  }

  /** An element with its text, its attributes and what is in it. */
  function make(name, attributes = {}, ...inside) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...inside);
    return element;
  }

  const told = (fault) => (fault.hint ? `${fault.error}: ${fault.hint}` : fault.error);

  const items = () => [...document.querySelectorAll("[data-item]")];
  const handle = (item) => item.querySelector("[data-open]") ?? (item.classList.contains("said") ? null : item.querySelector("a[href]"));
  let here = -1;

  /** Goes on in the list of the page, from where the reader is. */
  function go(step) {
    const all = items();
    if (!all.length) return;
    const focused = all.findIndex((item) => item.contains(document.activeElement));
    here = Math.min(Math.max((focused < 0 ? here : focused) + step, 0), all.length - 1);
    const item = all[here];
    document.querySelectorAll(".said.here").forEach((it) => it.classList.remove("here"));
    if (item.classList.contains("said")) item.classList.add("here");
    const link = handle(item);
    if (link) {
      link.focus({ preventScroll: true });
    } else {
      item.tabIndex = -1;
      item.focus({ preventScroll: true });
    }
    item.scrollIntoView({ block: "nearest" });
  }

  const help = document.getElementById("help");
  const search = () => document.querySelector('input[type="search"]');
  let waits = "";
  const places = { s: "/sessions", u: "/suites", r: "/runs" };

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const on = event.target;
    if (on.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog[open]")) {
      if (event.key === "Escape" && on.matches("input, textarea")) on.blur();
      return;
    }
    const key = waits + event.key;
    waits = "";
    const keys = {
      j: () => go(1), k: () => go(-1), "/": () => search()?.focus(), "?": () => help.showModal(), g: () => { waits = "g"; },
      x: () => items()[here]?.querySelector("input[type=checkbox]")?.click(),
      gs: () => { location.href = places.s; }, gu: () => { location.href = places.u; }, gr: () => { location.href = places.r; },
    };
    if (!keys[key]) return;
    event.preventDefault();
    keys[key]();
  }

  document.addEventListener("keydown", pressed);
  const button = document.getElementById("help-button");
  button.hidden = false;
  button.addEventListener("click", () => help.showModal());
  return { api, csrf, make, say, told };
})();
