// A case beside its recording: fields and quotes show each other, and edits go back to the file.
"use strict";

(() => {
  const { api, make, say, told } = reenact;
  const form = document.getElementById("case");

  // Fields and the words that they come from.

  const marks = [...document.querySelectorAll("mark[data-evidence]")];
  const numbers = (mark) => mark.dataset.evidence.split(" ");
  const cites = (part) => [...part.querySelectorAll("[data-cite]")].map((cite) => cite.dataset.cite);

  function light(evidence, look) {
    dark();
    for (const mark of marks) mark.classList.toggle("lit", numbers(mark).some((number) => evidence.includes(number)));
    for (const cite of document.querySelectorAll("[data-cite]")) {
      if (evidence.includes(cite.dataset.cite)) cite.closest("[data-part]")?.classList.add("lit-part");
    }
    if (look) document.querySelector("mark.lit")?.scrollIntoView({ block: "nearest" });
  }

  function dark() {
    document.querySelectorAll(".lit, .lit-part").forEach((element) => element.classList.remove("lit", "lit-part"));
  }

  const shows = (target) => {
    const mark = target.closest?.("mark[data-evidence]");
    if (mark) return [numbers(mark), false];
    const part = target.closest?.("[data-part]");
    return part && cites(part).length ? [cites(part), true] : null;
  };
  // Moved, and not over: what scrolls under a pointer that rests is not pointed at.
  let pointed;
  document.addEventListener("pointermove", ({ target }) => {
    if (target === pointed) return;
    pointed = target;
    const found = target.closest(".item, .field, mark") && shows(target);
    if (found) light(found[0], false);
  });
  document.addEventListener("focusin", (event) => {
    const found = shows(event.target);
    if (found) light(...found);
  });
  const toField = (mark) => {
    const part = document.querySelector(`[data-cite="${numbers(mark)[0]}"]`)?.closest("[data-part]");
    part?.scrollIntoView({ block: "center" });
    part?.querySelector("textarea, input")?.focus({ preventScroll: true });
  };
  for (const mark of marks) {
    mark.addEventListener("click", () => toField(mark));
    mark.addEventListener("keydown", (event) => { if (event.key === "Enter") toField(mark); });
  }

  if ("readOnly" in form.dataset) {
    form.querySelectorAll("input, textarea, select").forEach((field) => { field.disabled = field.matches("select"); field.readOnly = true; });
    return;
  }

  // From fields to what changed. What nobody touched is not sent, and stays as it is in the file, to the letter.

  const isChanged = (control) => (control.matches("select") ? [...control.options].some((option) => option.selected !== option.defaultSelected) : control.value !== control.defaultValue);
  const isNew = (row) => row.dataset.row === "0";
  const isEdited = (part) => isNew(part) || part.classList.contains("gone") || [...part.querySelectorAll("textarea, input, select")].some(isChanged);

  /** A problem at a part of the form. */
  class Wrong extends Error {
    constructor(part, text) {
      super(text);
      this.part = part;
    }
  }

  function json(control) {
    try {
      return JSON.parse(control.value);
    } catch (error) {
      throw new Wrong(control.closest("[data-part]"), `this is not JSON: ${error.message}`);
    }
  }

  function number(control) {
    const value = Number(control.value.trim());
    if (!Number.isInteger(value) || value < 1) throw new Wrong(control.closest("[data-part]"), "expected a whole number from 1");
    return value;
  }

  const named = (row, ...names) => names.map((name) => row.querySelector(`[name=${name}]`));

  function gateOf(row) {
    const [kind, gate] = named(row, "kind", "gate");
    return ["open", "never"].includes(kind.value) ? kind.value : { [kind.value]: gate.value };
  }

  function checkOf(row) {
    const [kind, turn, check] = named(row, "kind", "turn", "check");
    const values = {
      contains: () => check.value, matches: () => check.value, must_not_match: () => check.value,
      max_turns: () => number(check), latency_ms: () => number(check), cost_usd: () => check.value.trim(),
    };
    const decides = kind.value === "judged" ? "judged" : { [kind.value]: (values[kind.value] ?? (() => json(check)))() };
    return turn.value.trim() ? { in_turn: { turn: number(turn), check: decides } } : decides;
  }

  const partsOf = {
    facts: { gate: [gateOf, "kind", "gate"] },
    expectations: { check: [checkOf, "kind", "turn", "check"] },
    guidelines: {},
  };
  const rowsOf = (name) => [...form.querySelectorAll(`[data-list-of=${name}] > .item`)];

  function list(name) {
    return rowsOf(name).filter((row) => !row.classList.contains("gone")).map((row) => {
      const sent = isNew(row) ? {} : { was: row.dataset.row - 1 };
      const [text] = named(row, "text");
      if (isNew(row) || isChanged(text)) sent.text = text.value;
      for (const [part, [read, ...names]] of Object.entries(partsOf[name])) {
        if (isNew(row) || named(row, ...names).some(isChanged)) sent[part] = read(row);
      }
      return sent;
    });
  }

  /** What the reader changed, as the API takes it. */
  function changes() {
    const sent = {};
    const field = (name) => form.elements[name];
    for (const name of ["goal", "opening", "persona"]) if (isChanged(field(name))) sent[name] = field(name).value;
    if (isChanged(field("patience"))) sent.patience = field("patience").value.trim() === "" ? 0 : number(field("patience"));
    if (isChanged(field("context")) && json(field("context"))) sent.context = field("context").value;
    if (isChanged(field("staging"))) sent.staging = json(field("staging"));
    for (const name of Object.keys(partsOf)) if (rowsOf(name).some(isEdited)) sent[name] = list(name);
    return sent;
  }

  // What is edited is marked, and is not lost by leaving.

  const [save, revert, state, wrong] = ["save", "revert", "state", "case-wrong"].map((id) => document.getElementById(id));
  const parts = () => [...form.querySelectorAll(".field[data-part], .item")];

  function look() {
    let count = 0;
    for (const part of parts()) {
      const is = isEdited(part);
      part.classList.toggle("edited", is);
      count += is;
    }
    save.disabled = revert.disabled = count === 0;
    state.textContent = count ? `${count} part${count === 1 ? "" : "s"} edited` : "No edits";
    return count;
  }
  form.querySelector(".save").hidden = false;
  form.querySelectorAll(".add, .remove").forEach((button) => { button.hidden = false; });
  form.querySelectorAll("template").forEach((it) => it.content.querySelectorAll(".remove").forEach((button) => { button.hidden = false; }));
  addEventListener("beforeunload", (event) => { if (!save.disabled && !leaves) event.preventDefault(); });
  let leaves = false;

  function shape(row) {
    const [kind, gate, check] = ["kind", "gate", "check"].map((name) => row.querySelector(`[name=${name}]`));
    if (gate) gate.hidden = ["open", "never"].includes(kind.value);
    if (check) check.hidden = kind.value === "judged";
  }
  form.addEventListener("input", look);
  form.addEventListener("change", (event) => {
    if (event.target.name === "kind") shape(event.target.closest(".item"));
    look();
  });
  form.addEventListener("click", ({ target }) => {
    if (target.matches(".remove")) {
      const row = target.closest(".item");
      if (row.dataset.row === "0") row.remove();
      else target.textContent = row.classList.toggle("gone") ? "Keep" : "Remove";
      look();
    } else if (target.matches(".add")) {
      const row = target.closest(".list").querySelector("template").content.firstElementChild.cloneNode(true);
      const id = `new-${form.querySelectorAll(".item").length}`;
      row.querySelectorAll("[id]").forEach((element) => { element.id = `${id}-${element.id}`; });
      row.querySelectorAll("[aria-describedby]").forEach((element) => element.setAttribute("aria-describedby", `${id}-${element.getAttribute("aria-describedby")}`));
      target.before(row);
      row.querySelector("textarea").focus();
      look();
    }
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    leaves = true;
    location.reload();
  });

  // What is wrong stands where it is wrong.

  function clear() {
    form.querySelectorAll(".wrong").forEach((element) => { element.hidden = true; });
    form.querySelectorAll("[aria-invalid]").forEach((element) => element.removeAttribute("aria-invalid"));
  }

  function blame(part, text) {
    const place = part?.querySelector(".wrong") ?? wrong;
    [place.textContent, place.hidden] = [place.hidden ? text : `${place.textContent}. ${text}`, false];
    const control = part?.querySelector("textarea, input");
    control?.setAttribute("aria-invalid", "true");
    return control;
  }

  const keys = { simulation_guidelines: "guidelines", prefix: "staging", first_speaker: "staging", script: "staging", after_script: "staging" };

  /** The part of the form that a problem of the file is about. */
  function partOf({ part, item }) {
    const name = keys[part] ?? part;
    if (item === null || !partsOf[name]) return form.querySelector(`[data-part="${CSS.escape(name)}"]`);
    return rowsOf(name).filter((row) => !row.classList.contains("gone"))[item - 1];
  }

  function show(fault) {
    wrong.hidden = true;
    const problems = fault.problems ?? [];
    const blamed = problems.map((problem) => blame(partOf(problem), `${problem.what}: ${problem.fix}`));
    blame(null, told(fault));
    (blamed.find(Boolean) ?? save).focus();
  }

  // Saving, and what somebody else wrote meanwhile.

  async function send() {
    clear();
    try {
      const sent = { revision: form.dataset.revision, ...changes() };
      save.disabled = true;
      const { written } = await api("PUT", form.dataset.address, sent);
      leaves = true;
      const words = written === "anew" ? "Saved; the file was written anew, and its comments are gone" : "Saved";
      sessionStorage.setItem("reenact-said", words);
      location.reload();
    } catch (fault) {
      save.disabled = false;
      if (fault instanceof Wrong) blame(fault.part, fault.message)?.focus();
      else if (fault.status === 409) differ(fault);
      else show(fault);
    }
  }

  /** The edits stay in the page; beside it, the reader sees what the file has now. */
  function differ(fault) {
    const look = make("a", { href: location.pathname, target: "_blank", rel: "noopener" }, "See it as it is now");
    wrong.replaceChildren(`${fault.error}. ${fault.hint}. `, look);
    wrong.hidden = false;
    look.focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "s" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (!save.disabled) form.requestSubmit();
    }
  });
  const last = sessionStorage.getItem("reenact-said");
  if (last) say(last);
  sessionStorage.removeItem("reenact-said");
  look();
})();
