/* Opens Adyen's Drop-in in the customer's page and hands on what came of it: the result of the session, which only Adyen
   can read. A plain script, served beside the page; Adyen Web itself was loaded from Adyen before it. */
(function () {
  "use strict";

  var form = document.getElementById("recoup-fields");
  if (!form || form.dataset.kind !== "adyen") return;
  var options = JSON.parse(form.dataset.options);
  var note = document.getElementById("recoup-fields-note");
  var button = form.querySelector("button[type=submit]");
  // A bank that shows its page in place of ours sends the customer back with these two.
  var back = new URLSearchParams(window.location.search);
  var returned = back.get("redirectResult");
  var sessionId = (returned && back.get("sessionId")) || options.session_id;
  var dropin = null, ready = false, busy = false;

  function say(text) {
    note.textContent = text || "";
  }

  function setBusy(is) {
    busy = is;
    button.disabled = is || !ready;
    button.setAttribute("aria-busy", String(is));
  }

  function setReady(is) {
    ready = is;
    setBusy(false);
    if (!is) say(form.dataset.failed);
  }

  function goOn(text) {
    setBusy(false);
    say(text);
    // Without this Drop-in would go on to show that it is working.
    if (dropin) dropin.setStatus("ready");
  }

  function failed() {
    goOn(form.dataset.failed);
  }

  function finish(answer) {
    add("sessionId", sessionId);
    add("sessionResult", answer.sessionResult);
    // Past our own listener, which would ask Adyen once more.
    HTMLFormElement.prototype.submit.call(form);
  }

  function add(name, value) {
    // Of a submit that the customer came back from, the input is still there.
    var input = form.elements["result." + name] || document.createElement("input");
    input.type = "hidden";
    input.name = "result." + name;
    input.value = value || "";
    form.appendChild(input);
  }

  function onError(error) {
    // Who closes the bank's window has not failed; they may try again.
    goOn(error && error.name === "CANCEL" ? "" : form.dataset.failed);
  }

  function configuration() {
    return {
      session: returned ? { id: sessionId } : { id: sessionId, sessionData: options.session_data },
      environment: options.environment,
      clientKey: options.client_key,
      countryCode: options.country_code,
      locale: form.dataset.locale,
      // Ours is the button that names the sum.
      showPayButton: false,
      analytics: { enabled: false },
      onPaymentCompleted: finish,
      onPaymentFailed: failed,
      onError: onError,
      onChange: function () { if (!busy) say(""); },
      onEnterKeyPressed: function () { if (!button.disabled) form.requestSubmit(button); }
    };
  }

  function opened(checkout) {
    if (returned) return checkout.submitDetails({ details: { redirectResult: returned } });
    dropin = new window.AdyenWeb.Dropin(checkout, {
      // What is stored already the page offers by itself, and Adyen is asked for one way to pay only.
      showStoredPaymentMethods: false,
      openFirstPaymentMethod: true,
      disableFinalAnimation: true,
      onReady: function () { setReady(true); }
    });
    dropin.mount("#recoup-fields-mount");
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (busy || !ready) return;
    if (dropin.isValid) { setBusy(true); say(form.dataset.wait); }
    else say(form.dataset.incomplete);
    // Of fields that are not filled in, this marks the wrong ones and goes to the first, and sends nothing.
    try { dropin.submit(); } catch (error) { setBusy(false); say(form.dataset.incomplete); }
  });

  window.addEventListener("pageshow", function (event) {
    // Back from the cache of the browser, with the button as it was left.
    if (event.persisted && ready) { setBusy(false); say(""); }
  });

  // Until the fields are there nothing could be sent.
  button.disabled = true;
  if (returned) { setBusy(true); say(form.dataset.wait); }
  if (window.AdyenWeb) window.AdyenWeb.AdyenCheckout(configuration()).then(opened).catch(function () { setReady(false); });
  // Blocked, or not reachable: the note says so, and the page has other ways to pay.
  else setReady(false);
})();
