/* Opens Braintree's Hosted Fields in the customer's page and hands on what came of them: a nonce, no card data.
   A plain script, served beside the page; Braintree's own scripts were loaded from Braintree before it. */
(function () {
  "use strict";

  var form = document.getElementById("recoup-fields");
  if (!form || form.dataset.kind !== "braintree") return;
  var options = JSON.parse(form.dataset.options);
  var mount = document.getElementById("recoup-fields-mount");
  var note = document.getElementById("recoup-fields-note");
  var button = form.querySelector("button[type=submit]");
  var hosted = null, secure = null, ready = false, busy = false;

  // Braintree's fields bring no words of their own: number, valid until, security code, and how a month is written.
  var WORDS = {
    ar: ["رقم البطاقة", "تاريخ الانتهاء", "رمز الأمان", "MM / YY"],
    de: ["Kartennummer", "Gültig bis", "Prüfziffer (CVC)", "MM / JJ"],
    en: ["Card number", "Expiry date", "Security code (CVC)", "MM / YY"],
    es: ["Número de tarjeta", "Fecha de caducidad", "Código de seguridad (CVC)", "MM / AA"],
    fr: ["Numéro de carte", "Date d’expiration", "Code de sécurité (CVC)", "MM / AA"],
    ja: ["カード番号", "有効期限", "セキュリティコード", "MM / YY"],
    pt: ["Número do cartão", "Validade", "Código de segurança (CVC)", "MM / AA"],
  };
  var words = WORDS[(form.dataset.locale || "en").split("-")[0].toLowerCase()] || WORDS.en;

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

  function field(key, label, placeholder) {
    // Styles are set one by one, for the page allows no style attributes. The frame fills its box.
    var name = document.createElement("label");
    var box = document.createElement("div");
    name.textContent = label;
    box.id = "recoup-" + key;
    box.className = "recoup-field";
    box.style.height = "3rem";
    // The input is in the frame, where a label of ours cannot point.
    name.addEventListener("click", function () { if (hosted) hosted.focus(key); });
    mount.appendChild(name);
    mount.appendChild(box);
    return { container: box, placeholder: placeholder, internalLabel: label, iframeTitle: label };
  }

  function shown() {
    // The page knows whether it is dark; its own colour is the right one inside the frames too.
    var look = window.getComputedStyle(form);
    return {
      input: { "font-size": look.fontSize, "font-family": "system-ui, sans-serif", color: look.color },
      "::placeholder": { color: "GrayText" },
    };
  }

  function open() {
    var fields = {
      number: field("number", words[0]),
      expirationDate: field("expirationDate", words[1], words[3]),
      cvv: field("cvv", words[2]),
    };
    return window.braintree.client.create({ authorization: options.authorization }).then(function (client) {
      return window.braintree.hostedFields
        .create({ client: client, styles: shown(), fields: fields })
        .then(function (made) {
          hosted = made;
          return options.confirmAmount ? window.braintree.threeDSecure.create({ version: 2, client: client }) : null;
        });
    }).then(function (made) {
      secure = made;
      // Braintree waits here for a merchant who wants to look first. We do not.
      if (secure) secure.on("lookup-complete", function (data, next) { next(); });
      setReady(true);
    });
  }

  function confirmed(card) {
    // A card that is stored now and charged later: its bank may ask the customer once, for nothing.
    if (!secure) return card;
    return secure
      .verifyCard({
        nonce: card.nonce,
        bin: card.details.bin,
        amount: options.confirmAmount,
        cardAddChallengeRequested: true,
      })
      .then(function (answer) {
        if (answer.liabilityShiftPossible && !answer.liabilityShifted) throw new Error("not confirmed");
        return answer;
      });
  }

  function finish(card) {
    var input = document.createElement("input");
    input.type = "hidden";
    input.name = "result.nonce";
    input.value = card.nonce;
    form.appendChild(input);
    // Past our own listener, which would ask Braintree once more.
    HTMLFormElement.prototype.submit.call(form);
  }

  function failed(error) {
    // Braintree's sentences are English and for developers; its codes say whose turn it is.
    var code = (error || {}).code;
    var wrong = (((error || {}).details || {}).invalidFieldKeys || [])[0];
    var isTheirs = code === "HOSTED_FIELDS_FIELDS_EMPTY" || code === "HOSTED_FIELDS_FIELDS_INVALID";
    setBusy(false);
    say(isTheirs ? form.dataset.incomplete : form.dataset.failed);
    hosted.focus(wrong || "number");
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    if (busy || !ready) return;
    setBusy(true);
    say(form.dataset.wait);
    hosted.tokenize().then(confirmed).then(finish).catch(failed);
  });

  window.addEventListener("pageshow", function (event) {
    // Back from the cache of the browser, with the button as it was left and a nonce that was good once.
    if (!event.persisted || !ready) return;
    form.querySelectorAll("[name^='result.']").forEach(function (old) { old.remove(); });
    setBusy(false);
    say("");
  });

  // Until the fields are there nothing could be sent.
  button.disabled = true;
  if (window.braintree && window.braintree.hostedFields) open().catch(function () { setReady(false); });
  // Blocked, or not reachable: the note says so, and the page has other ways to pay.
  else setReady(false);
})();
