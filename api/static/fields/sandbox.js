/* Opens the sandbox gateway's fields in the page's form: see docs/gateways/sandbox.md. What is typed stays in the
   gateway's own frame; the form carries the session's name alone, as result.session. */
(() => {
"use strict";
const form = document.getElementById("recoup-fields");
if (!form || form.dataset.kind !== "sandbox") return;
const note = document.getElementById("recoup-fields-note");
const button = form.querySelector("[type=submit]");
const data = form.dataset;
let fields = null, busy = false;

function hold(held) {
  busy = held;
  button.disabled = held;
  if (held) button.setAttribute("aria-busy", "true");
  else button.removeAttribute("aria-busy");
}
function fail(message) {
  note.textContent = message || data.failed || "";
  hold(false);
}
function carry(name, value) {
  const field = form.querySelector(`input[name="result.${name}"]`) || document.createElement("input");
  Object.assign(field, { type: "hidden", name: "result." + name, value });
  form.append(field);
}
async function send() {
  hold(true);
  note.textContent = "";
  try {
    const { session } = await fields.submit();
    carry("session", session);
    /* Not form.submit: a field of that name would hide it. The button stays held, so nothing is sent twice. */
    HTMLFormElement.prototype.submit.call(form);
  } catch (refused) {
    fail(refused.message);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (busy) return;
  if (fields) send();
  else note.textContent = data.wait || data.incomplete || "";
});
/* A page that comes back from the browser's history comes back as it was left: held. */
window.addEventListener("pageshow", (event) => { if (event.persisted) hold(false); });

async function open() {
  try {
    const { session } = JSON.parse(data.options);
    const mount = document.getElementById("recoup-fields-mount");
    fields = await window.SandboxFields.mount(mount, { session, locale: data.locale });
    note.textContent = "";
  } catch (failure) {
    fail(data.failed);
  }
}
open();
})();
