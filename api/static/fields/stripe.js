/* Opens Stripe's fields in the customer's page and hands on what came of them: the id of the setup, no card data.
   A plain script, served beside the page; Stripe.js itself was loaded from Stripe before it. */
(function () {
  "use strict";

  var form = document.getElementById("recoup-fields");
  if (!form || form.dataset.kind !== "stripe") return;
  var options = JSON.parse(form.dataset.options);
  var note = document.getElementById("recoup-fields-note");
  var button = form.querySelector("button[type=submit]");
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var THEIRS = ["card_error", "validation_error", "setup_intent_authentication_failure"];
  var stripe = null, elements = null, fields = null, ready = false, busy = false;

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

  function failed(error) {
    // Stripe's sentences about cards and fields are written for customers, in their language; its others are for us.
    var known = error || {};
    var isTheirs = THEIRS.indexOf(known.type) >= 0 || THEIRS.indexOf(known.code) >= 0;
    // Already done in another tab, or given up by Stripe: which of the two, our server asks.
    if (known.code === "setup_intent_unexpected_state" && known.setup_intent) return finish(known.setup_intent);
    setBusy(false);
    say((isTheirs && known.message) || form.dataset[known.type === "validation_error" ? "incomplete" : "failed"]);
    if (fields && fields.focus) fields.focus();
  }

  function finish(setup) {
    add("setup_intent", setup.id);
    add("status", setup.status);
    // Past our own listener, which would ask Stripe once more.
    HTMLFormElement.prototype.submit.call(form);
  }

  function add(name, value) {
    // Of a submit that the customer came back from, the input is still there.
    var input = form.elements["result." + name] || document.createElement("input");
    input.type = "hidden";
    input.name = "result." + name;
    input.value = value;
    form.appendChild(input);
  }

  function appearance() {
    return { theme: dark.matches ? "night" : "stripe" };
  }

  function open() {
    stripe = window.Stripe(options.publishable_key, { locale: form.dataset.locale || "auto" });
    // A stored way to pay is only confirmed: there is nothing to fill in.
    if (options.payment_method) return setReady(true);
    elements = stripe.elements({ clientSecret: options.client_secret, appearance: appearance() });
    fields = elements.create("payment", shown());
    fields.on("ready", function () { setReady(true); });
    fields.on("change", function () { if (!busy) say(""); });
    fields.on("loaderror", function () { setReady(false); });
    fields.mount("#recoup-fields-mount");
    dark.addEventListener("change", function () { elements.update({ appearance: appearance() }); });
  }

  function shown() {
    // Whoever chose a card is not asked about wallets again; whoever chose a wallet sees wallets first.
    if (options.type === "wallet") {
      return { paymentMethodOrder: ["apple_pay", "google_pay", "link", "paypal", "card"] };
    }
    return { wallets: { applePay: "never", googlePay: "never", link: "never" } };
  }

  function confirm() {
    var asked = { redirect: "if_required", confirmParams: { return_url: form.dataset.returnUrl } };
    if (options.payment_method) {
      asked.clientSecret = options.client_secret;
      asked.confirmParams.payment_method = options.payment_method;
    } else {
      asked.elements = elements;
    }
    return stripe.confirmSetup(asked);
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (busy || !ready) return;
    setBusy(true);
    say(form.dataset.wait);
    confirm().then(function (answer) {
      if (answer.error) failed(answer.error);
      else finish(answer.setupIntent);
    }, failed);
  });

  window.addEventListener("pageshow", function (event) {
    // Back from the cache of the browser, with the button as it was left.
    if (event.persisted && ready) { setBusy(false); say(""); }
  });

  // Until the fields are there nothing could be sent.
  button.disabled = true;
  if (window.Stripe) open();
  // Blocked, or not reachable: the note says so, and the page has other ways to pay.
  else setReady(false);
})();
