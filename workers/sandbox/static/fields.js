/* The sandbox's hosted fields, for a merchant's page: SandboxFields.mount(element, {session, locale}) promises
   {submit(), unmount()}. submit() promises {session} once the way to pay was given, and otherwise rejects with an Error
   whose message is for the customer. What is typed stays in a frame of the sandbox's own origin. */
(() => {
"use strict";
const HERE = new URL(document.currentScript.src);
const TITLES = { en: "Payment details", de: "Zahlungsdaten", ar: "بيانات الدفع" };
const SLOW = { en: "The payment fields did not open. Load the page again.",
  de: "Die Zahlungsfelder gingen nicht auf. Laden Sie die Seite neu.",
  ar: "لم تُفتح حقول الدفع. أعد تحميل الصفحة." };
const PATIENCE_MS = 20000;

function said(words, locale) {
  return words[String(locale || "en").split(/[-_]/)[0].toLowerCase()] || words.en;
}

function frameOf(session, locale) {
  const address = new URL("fields/" + encodeURIComponent(session), HERE);
  address.searchParams.set("locale", locale || "en");
  /* The frame answers this origin only; a fragment reaches no server. */
  address.hash = encodeURIComponent(window.location.origin);
  const frame = document.createElement("iframe");
  frame.src = address.href;
  frame.title = said(TITLES, locale);
  /* Set property by property: a style attribute would need 'unsafe-inline'. */
  Object.assign(frame.style, { display: "block", width: "100%", height: "12rem", border: "0" });
  return frame;
}

function mount(element, { session, locale }) {
  const frame = frameOf(session, locale);
  let ready, failed, number = 0, waiting = null;
  const opened = new Promise((resolve, reject) => { ready = resolve; failed = reject; });
  const patience = setTimeout(() => failed(new Error(said(SLOW, locale))), PATIENCE_MS);

  function submit() {
    if (!waiting) {
      waiting = { id: ++number };
      waiting.promise = new Promise((resolve, reject) => Object.assign(waiting, { resolve, reject }));
      frame.contentWindow.postMessage({ type: "sandbox-submit", id: waiting.id }, HERE.origin);
    }
    return waiting.promise;
  }
  function ended(told) {
    if (!waiting || told.id !== waiting.id) return;
    const { resolve, reject } = waiting;
    waiting = null;
    if (told.ok) resolve({ session });
    else reject(new Error(told.message));
  }
  function hear(event) {
    if (event.origin !== HERE.origin || event.source !== frame.contentWindow) return;
    const told = event.data || {};
    if (told.type === "sandbox-ready") { clearTimeout(patience); ready({ submit, unmount }); }
    if (told.type === "sandbox-height" && told.height > 0) frame.style.height = Math.ceil(told.height) + "px";
    if (told.type === "sandbox-focus") {
      frame.focus();
      frame.contentWindow.postMessage({ type: "sandbox-focused" }, HERE.origin);
    }
    if (told.type === "sandbox-ended") ended(told);
    /* Enter in a field does what Enter does in any form. */
    if (told.type === "sandbox-enter") { const form = element.closest("form"); if (form) form.requestSubmit(); }
  }
  function unmount() {
    clearTimeout(patience);
    window.removeEventListener("message", hear);
    frame.remove();
  }
  window.addEventListener("message", hear);
  element.append(frame);
  return opened;
}
window.SandboxFields = { mount };
})();
