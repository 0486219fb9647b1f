"use strict";
// A page of runs that keeps itself up to date. What it shows is what the program renders: told that something happened,
// it asks for itself again and takes over the parts that changed, so that it cannot show anything else than a page opened now.
(() => {
  const AGAIN_MS = 1000;
  const live = document.querySelector("[data-events]");
  const parts = (root) => new Map([...root.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));

  // Whoever holds the focus keeps it: the same link, field or summary of the new part.
  const sameAs = (element, part) => {
    if (element.id) return document.getElementById(element.id);
    if (element.hasAttribute("href")) return part.querySelector(`[href="${CSS.escape(element.getAttribute("href"))}"]`);
    return null;
  };

  const takeOver = (fresh) => {
    const now = parts(document);
    for (const [name, part] of parts(fresh)) {
      const old = now.get(name);
      if (!old || old.innerHTML === part.innerHTML) continue;
      // Somebody is filling in a form here, or reads what is folded open.
      if (old.querySelector("details.action[open]")) continue;
      const focused = old.contains(document.activeElement) ? document.activeElement : null;
      old.replaceChildren(...part.childNodes);
      if (focused) sameAs(focused, old)?.focus({ preventScroll: true });
    }
    document.title = fresh.title;
    window.dispatchEvent(new Event("parts"));
  };

  let asking = null;
  let asksAgain = false;
  const refresh = () => {
    if (asking) { asksAgain = true; return asking; }
    const began = performance.now();
    asking = fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" })
      .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
      .then((text) => takeOver(new DOMParser().parseFromString(text, "text/html")))
      .catch(() => {})
      .then(() => new Promise((done) => setTimeout(done, Math.max(AGAIN_MS, 4 * (performance.now() - began)))))
      .then(() => { asking = null; if (asksAgain) { asksAgain = false; return refresh(); } });
    return asking;
  };

  const told = document.createElement("p");
  told.className = "connection";
  told.setAttribute("role", "status");
  told.hidden = true;
  document.body.append(told);
  const say = (text) => { told.textContent = text; told.hidden = !text; };

  if (live) {
    let events = null;
    let last = null;
    const listen = () => {
      const address = new URL(live.dataset.events, location.href);
      if (last) address.searchParams.set("after", last);
      events = new EventSource(address);
      let first = true;
      const heard = (event) => {
        last = event.lastEventId || last;
        // The first one tells how things stand, which the page shows already unless something happened meanwhile.
        if (first && event.type === "progress" && JSON.parse(event.data).mark === new URL(live.dataset.events, location.href).searchParams.get("after")) { first = false; return; }
        first = false;
        refresh();
      };
      for (const kind of ["progress", "trial", "call"]) events.addEventListener(kind, heard);
      events.onopen = () => say("");
      events.onerror = () => {
        const at = new Date().toLocaleTimeString();
        if (told.hidden) say(`The connection is gone; this is how it was at ${at}. Trying again …`);
        // A browser gives up where the answer was an error.
        if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
      };
    };
    // A browser has few connections for all its pages: one that nobody looks at gives its own back.
    const follow = () => {
      if (document.hidden) { events?.close(); events = null; } else if (!events) { listen(); if (last) refresh(); }
    };
    document.addEventListener("visibilitychange", follow);
    window.addEventListener("pagehide", () => events?.close());
    follow();
  }

  const poll = () => {
    const part = document.querySelector("[data-again]");
    if (part) setTimeout(() => (document.hidden ? Promise.resolve() : pollOnce()).then(poll), Number(part.dataset.again));
  };
  const pollOnce = () => refresh();
  poll();

  // A form is sent as JSON; what is wrong is said at its field.
  const clear = (form) => {
    form.querySelectorAll(".wrong").forEach((wrong) => wrong.remove());
    form.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
  };
  const complain = (form, fault) => {
    const field = (fault.field && form.elements.namedItem(fault.field)) || null;
    const wrong = document.createElement("p");
    wrong.className = "wrong";
    wrong.setAttribute("role", "alert");
    wrong.textContent = reenact.told(fault);
    if (field) {
      wrong.id = `wrong-${fault.field}`;
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-errormessage", wrong.id);
      field.closest(".field").append(wrong);
      field.focus();
    } else {
      form.append(wrong);
    }
  };
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-send]");
    if (!form) return;
    event.preventDefault();
    clear(form);
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const said = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
      const begun = await reenact.api("POST", form.dataset.send, said);
      if (form.dataset.then !== "stay") return location.assign(form.dataset.then + encodeURIComponent(begun.run));
      form.closest("details")?.removeAttribute("open");
      await refresh();
    } catch (fault) {
      complain(form, fault);
    } finally {
      button.disabled = false;
    }
  });

  // A judgement and the turns that it cites light each other up.
  const lit = (on, elements) => elements.forEach((element) => element?.classList.toggle("lit", on));
  const turnsOf = (assessment) => assessment.dataset.cites.split(" ").filter(Boolean).map((turn) => document.getElementById(`turn-${turn}`));
  const light = (on) => (event) => {
    const assessment = event.target.closest?.("[data-cites]");
    if (assessment) return lit(on, turnsOf(assessment));
    const turn = event.target.closest?.("article.pairing[id]");
    const number = turn?.id.slice("turn-".length);
    if (number) lit(on, [...document.querySelectorAll("[data-cites]")].filter((it) => it.dataset.cites.split(" ").includes(number)));
  };
  for (const [kind, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) document.addEventListener(kind, light(on));
})();
