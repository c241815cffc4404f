/* Inside the sandbox's frame: sends what is typed to the sandbox's own origin, and tells the page around it only
   whether a way to pay was given. It hears no window but the one that embeds it, and answers the origin it was
   opened for. */
(() => {
"use strict";
const main = document.querySelector("main");
const details = document.getElementById("details"), wallet = document.getElementById("wallet");
const challenge = document.getElementById("challenge");
const done = document.getElementById("done"), alertLine = document.getElementById("alert");
const AROUND = decodeURIComponent(location.hash.slice(1));
let given = main.dataset.shown === "given", asked = null, busy = false, toFocus = null;

function tell(message) {
  if (window.parent !== window && AROUND) window.parent.postMessage(message, AROUND);
}
function ended(ok, message) {
  const id = asked;
  asked = null;
  if (id !== null) tell({ type: "sandbox-ended", id, ok, message });
  /* Nobody around waits for an answer, so it is said here. */
  else if (!ok) alertLine.textContent = message;
}
/* A frame that is focused from outside forgets what was focused in it, so that comes first. */
function focus(element) {
  toFocus = element;
  if (document.hasFocus()) element.focus();
  else tell({ type: "sandbox-focus" });
}
function complain(fields) {
  for (const input of details.querySelectorAll("input")) {
    const wrong = fields[input.name] || "";
    document.getElementById(input.name + "-error").textContent = wrong;
    if (wrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  const first = details.querySelector("[aria-invalid]");
  if (first) focus(first);
}
function show(challenged) {
  challenge.hidden = !challenged;
  const before = details || wallet;
  if (before) before.hidden = challenged;
}
async function send(path, body) {
  if (busy) return;
  busy = true;
  alertLine.textContent = "";
  let answer = { status: "refused", message: main.dataset.unreachable };
  try {
    const reply = await fetch(location.pathname + path + location.search, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (reply.ok) answer = await reply.json();
  } catch (failure) { /* no connection: the words above say so */ }
  busy = false;
  hear(answer);
}
function hear(answer) {
  if (details) complain(answer.fields || {});
  if (answer.status === "given") {
    given = true;
    for (const part of [details, wallet, challenge]) if (part) part.hidden = true;
    done.textContent = done.dataset.text;
    if (details) details.reset();
    return ended(true);
  }
  if (answer.status === "challenge") {
    show(true);
    return focus(document.getElementById("confirm"));
  }
  if (details || wallet) show(false);
  return ended(false, answer.message || main.dataset[answer.status] || main.dataset.unreachable);
}
function submit() {
  if (given) return ended(true);
  if (main.dataset.shown === "expired") return ended(false, main.dataset.expired);
  if (!challenge.hidden) return focus(document.getElementById("confirm"));
  if (wallet) return focus(document.getElementById("use-wallet"));
  return send("", Object.fromEntries(new FormData(details)));
}

window.addEventListener("message", (event) => {
  if (event.source !== window.parent || event.origin !== AROUND) return;
  const told = event.data || {};
  if (told.type === "sandbox-focused" && toFocus) toFocus.focus();
  if (told.type === "sandbox-submit") { asked = told.id; submit(); }
});
document.getElementById("confirm").addEventListener("click", () => send("/challenge", { confirmed: true }));
document.getElementById("refuse").addEventListener("click", () => send("/challenge", { confirmed: false }));
if (wallet) document.getElementById("use-wallet").addEventListener("click", () => send("", {}));
if (details) details.addEventListener("submit", (event) => { event.preventDefault(); tell({ type: "sandbox-enter" }); });
const number = document.getElementById("number");
if (number) number.addEventListener("blur", () => {
  const digits = number.value.replace(/\D/g, "");
  if (digits) number.value = digits.replace(/(.{4})(?=.)/g, "$1 ");
});
new ResizeObserver(() => {
  tell({ type: "sandbox-height", height: document.documentElement.getBoundingClientRect().height });
}).observe(document.documentElement);
tell({ type: "sandbox-ready" });
})();
