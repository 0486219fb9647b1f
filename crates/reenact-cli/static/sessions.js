// Sessions: selecting them, importing files, distilling.
"use strict";

(() => {
  const { api, csrf, make, say, told } = reenact;
  const tasks = document.getElementById("tasks");
  const count = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

  // Work that goes on, as a row for each.

  function row(title) {
    const [words, bar, close] = [make("p"), make("progress", { "aria-label": title }), make("button", { type: "button", class: "quiet" }, "Close")];
    const item = make("li", {}, make("div", { class: "row" }, make("div", {}, make("p", {}, make("b", {}, title)), words), close), bar);
    close.addEventListener("click", () => item.remove());
    tasks.append(item);
    return {
      item,
      at(text, done, total) {
        words.textContent = text;
        if (total) [bar.max, bar.value] = [total, done];
        else bar.removeAttribute("value");
      },
      end(text, ...more) {
        bar.remove();
        words.textContent = text;
        item.append(...more);
        say(text);
      },
      fail(fault) {
        this.end(told(fault));
        words.classList.add("wrong");
      },
    };
  }

  /** Asks after a task until it is over. */
  async function follow(task, shown, words) {
    while (task.state === "going") {
      shown.at(words(task), task.done, task.total);
      await new Promise((wake) => setTimeout(wake, 300));
      task = await api("GET", `/api/tasks/${task.id}`);
    }
    if (task.state === "failed") throw task.error;
    return task.result;
  }

  function skipped(list, total) {
    if (!total) return [];
    const lines = list.slice(0, 100).map(({ what, reason }) => make("li", {}, `${what}: ${reason}`));
    if (total > lines.length) lines.push(make("li", {}, `and ${(total - lines.length).toLocaleString("en")} more`));
    return [make("details", { open: total <= 5 }, make("summary", {}, `${total.toLocaleString("en")} skipped`), make("ul", { tabindex: "0", "aria-label": "What was skipped" }, ...lines))];
  }

  // Import.

  function upload(file, shown) {
    return new Promise((done, fail) => {
      const request = new XMLHttpRequest();
      request.open("POST", `/api/imports?name=${encodeURIComponent(file.name)}`);
      request.setRequestHeader("x-reenact-csrf", csrf);
      request.setRequestHeader("content-type", "application/octet-stream");
      request.responseType = "json";
      request.upload.addEventListener("progress", (event) => shown.at("sending", event.loaded, event.total));
      request.addEventListener("load", () => (request.status === 200 ? done(request.response) : fail(request.response ?? { error: "the file was refused" })));
      request.addEventListener("error", () => fail({ error: "the file was not all sent" }));
      request.send(file);
    });
  }

  async function take(file) {
    const shown = row(file.name);
    try {
      const done = await follow(await upload(file, shown), shown, () => "reading");
      const sessions = done.sessions_new + done.sessions_grown + done.sessions_unchanged;
      const words = `${count(sessions, "session")}: ${done.sessions_new} new, ${done.sessions_grown} grown, ${done.sessions_unchanged} unchanged`;
      const unreadable = done.unreadable.map(({ reason, hint }) => make("p", { class: "wrong" }, hint ? `${reason}: ${hint}` : reason));
      const look = sessions ? [make("p", {}, make("a", { href: "/sessions" }, "Show the sessions"))] : [];
      shown.end(words, ...unreadable, ...skipped(done.skipped, done.skipped_count), ...look);
    } catch (fault) {
      shown.fail(fault);
    }
  }

  const [button, input] = ["import-button", "import-files"].map((id) => document.getElementById(id));
  button.hidden = false;
  button.addEventListener("click", () => input.click());
  // One after the other, as the store takes them.
  const takeAll = async (files) => { for (const file of files) await take(file); };
  input.addEventListener("change", () => takeAll([...input.files]));

  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!hasFiles(event)) return;
    event.preventDefault();
    takeAll([...event.dataTransfer.files]);
  });

  // Selecting and distilling.

  const selection = document.getElementById("selection");
  if (!selection) return;
  const boxes = [...selection.querySelectorAll("input[name=session]")];
  const bar = selection.querySelector(".do");
  const dialog = document.getElementById("distil-dialog");
  const form = dialog.querySelector("form");
  const wrong = document.getElementById("distil-wrong");
  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);

  function select() {
    const number = chosen().length;
    document.getElementById("selected").textContent = `${number} selected`;
    bar.hidden = !number;
  }
  boxes.forEach((box) => { box.hidden = false; });
  selection.addEventListener("change", select);
  selection.addEventListener("submit", (event) => event.preventDefault());
  select();

  function open() {
    const number = chosen().length;
    const [selected, found] = form.elements.which;
    document.getElementById("distil-selected").textContent = `the ${count(number, "selected session")}`;
    selected.disabled = !number;
    (number ? selected : found).checked = true;
    wrong.hidden = true;
    dialog.showModal();
  }
  for (const button of document.querySelectorAll("button.distil")) {
    button.hidden = false;
    button.addEventListener("click", open);
  }

  function asked() {
    const { which, suite, model, max_cost: cost } = form.elements;
    const sessions = which.value === "selected" ? { sessions: chosen() } : { query: document.getElementById("q").defaultValue };
    return { ...sessions, suite: suite.value.trim(), model: model.value.trim(), ...(cost.value.trim() && { max_cost: cost.value.trim() }) };
  }

  async function distil() {
    const request = asked();
    let task;
    try {
      task = await api("POST", "/api/distillations", request);
    } catch (fault) {
      [wrong.textContent, wrong.hidden] = [told(fault), false];
      return;
    }
    dialog.close();
    const shown = row(`Distilling into ${request.suite}`);
    const stop = make("button", { type: "button" }, "Stop");
    stop.addEventListener("click", () => api("DELETE", `/api/tasks/${task.id}`, null).catch((fault) => say(told(fault))));
    shown.item.append(stop);
    try {
      const done = await follow(task, shown, ({ done: begun, total }) => `${begun.toLocaleString("en")} of ${count(total ?? 0, "session")}`);
      const link = make("p", {}, make("a", { href: `/suites/${encodeURIComponent(request.suite)}` }, `Open ${request.suite}`));
      shown.end(count(done.cases.length, "case"), ...skipped(done.skipped, done.skipped.length), link);
    } catch (fault) {
      shown.fail(fault);
    }
    stop.remove();
  }
  document.getElementById("distil-go").addEventListener("click", () => form.reportValidity() && distil());
})();
