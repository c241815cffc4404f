/* What the customer's page does with scripts; without them it works all the same. Nothing here sees card data. */
"use strict";
{
const main = document.querySelector("main"), { base, csrf, state, way, framedBy } = main.dataset;
const buttons = () => document.querySelectorAll("button");
let submitted = false;

/* A double click sends once. The button is left enabled until the form is on its way, or its name would be lost. */
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  if (submitted) return event.preventDefault();
  submitted = true;
  setTimeout(() => buttons().forEach((button) => {
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
  }));
});
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  /* Back from elsewhere: what is shown may be old by now. */
  location.reload();
});

/* The provider has brought the customer back from its own page: they have agreed there already. */
const returned = document.querySelector("form[data-once]");
if (returned) returned.requestSubmit();

/* A part that is typed in is meant. */
const part = document.querySelector("input[name=part]");
part?.addEventListener("input", () => part.closest("label").querySelector("input[type=radio]").click());
part?.addEventListener("keydown", (event) => {
  /* Return in this field must not press the first way to pay. */
  if (event.key === "Enter") event.preventDefault();
});

/* Later instalments need what is kept, so it is not used only once. */
const lend = document.querySelector("input[name=lend]");
document.querySelectorAll("input[name=sum]").forEach((sum) => sum.addEventListener("change", () => {
  if (!lend) return;
  lend.disabled = sum.value.startsWith("plan-");
  if (lend.disabled) lend.checked = false;
}));

const tell = (what) => {
  if (!base || !csrf) return;
  navigator.sendBeacon(`${base}/seen`, new URLSearchParams(way ? { csrf, what, method: way } : { csrf, what }));
};
if (state === "owed") tell("opened_page");
if (state === "paying") {
  addEventListener("pagehide", () => submitted || document.querySelector('[name^="result."]') || tell("left_fields"));
}

if (state === "processing" && base) {
  const source = new EventSource(`${base}/stream`);
  source.addEventListener("summary", ({ data }) => JSON.parse(data).state === "processing" || location.reload());
  source.onerror = () => source.readyState === 2 && setTimeout(() => location.reload(), 10000);
}

/* Inside the merchant's application: how high the page is, and that all is paid. Neither is a secret. */
if (window.parent !== window) {
  /* A browser drops what is sent to another origin than the parent's. */
  const say = (told) => framedBy.split(" ").filter(Boolean).forEach((origin) => window.parent.postMessage(told, origin));
  const tall = () => say({ recoup: "height", height: document.documentElement.offsetHeight });
  new ResizeObserver(tall).observe(document.body);
  addEventListener("keydown", ({ key }) => key === "Escape" && say({ recoup: "close" }));
  if (state === "settled") say({ recoup: "settled" });
}
}
