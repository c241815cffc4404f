/* <recoup-messages src="https://recoup.example.com" token="...">, for pages under a strict Content-Security-Policy. */
{
const WORDS = {
  en: ["Go to payment", "Close"], de: ["Zur Zahlung", "Schließen"], fr: ["Accéder au paiement", "Fermer"],
  es: ["Ir al pago", "Cerrar"], pt: ["Ir para o pagamento", "Fechar"], ja: ["お支払いへ進む", "閉じる"],
  ar: ["الانتقال إلى الدفع", "إغلاق"],
};
const LASTING = ["limited", "suspended"], GOOD = ["reinstated", "recovered", "closed"];
const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
:host{font:var(--recoup-font,1rem/1.5 system-ui,sans-serif)}
.banner,dialog{background:var(--recoup-background,#fff8e6);color:var(--recoup-color,#1c1c1e);padding:1rem;
border:1px solid var(--recoup-border,#d9a400);border-radius:var(--recoup-radius,.75rem)}
.banner{display:flex;gap:1rem;align-items:start;margin:var(--recoup-margin,.5rem)}
.banner>div{flex:1}
article+article{margin-top:1rem}
h2{font-size:1.06em;margin:0}
p{margin:.25rem 0 .75rem;white-space:pre-line;overflow-wrap:anywhere}
a{display:inline-block;padding:.6rem 1rem;border-radius:.5rem;font-weight:600;text-decoration:none;
background:var(--recoup-accent,#1d4ed8);color:var(--recoup-accent-color,#fff)}
button{font-size:1.5rem;min-width:2.75rem;min-height:2.75rem;border:0;background:none;color:inherit}
dialog{width:min(32rem,80%)}
::backdrop{background:var(--recoup-backdrop,#000c)}`);

const make = (parent, tag, attributes = {}, text = "") => {
  const made = document.createElement(tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  made.textContent = text;
  parent.append(made);
  return made;
};
const words = ({ locale }) => WORDS[locale.slice(0, 2)] || WORDS.en;
const safe = (link) => {
  const { protocol, hostname } = URL.canParse(link) ? new URL(link) : {};
  return protocol === "https:" || (protocol === "http:" && /^(localhost|127\.0\.0\.1)$/.test(hostname));
};
const show = (item, parent) => {
  const box = make(parent, "article", { lang: item.locale, dir: item.direction });
  make(box, "h2", {}, item.subject);
  make(box, "p", {}, item.text);
  if (safe(item.link)) make(box, "a", { href: item.link, rel: "noreferrer", part: "link" }, words(item)[0]);
};

class RecoupMessages extends HTMLElement {
  static observedAttributes = ["src", "token", "mode", "wall"];

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [SHEET];
  }
  connectedCallback() {
    this.begun = true;
    this.start();
  }
  disconnectedCallback() {
    this.begun = false;
    this.stop();
    this.render([]);
  }
  attributeChangedCallback(name, before, after) {
    /* Of a tag in the page this comes before connectedCallback. */
    if (before === after || !this.begun) return;
    /src|token/.test(name) ? this.start() : this.render(this.items);
  }

  start() {
    this.stop();
    const src = this.getAttribute("src"), token = this.getAttribute("token");
    if (!src || !token) return this.render([]);
    this.base = `${src.replace(/\/$/, "")}/feed/${token}`;
    this.fails = 0;
    this.open();
  }
  stop() {
    this.base = null;
    clearTimeout(this.timer);
    this.source?.close();
  }
  open() {
    const source = this.source = new EventSource(this.base + "/stream");
    const lost = () => {
      source.close();
      clearTimeout(this.timer);
      this.poll();
    };
    this.timer = setTimeout(lost, 8000);
    source.addEventListener("feed", ({ data }) => {
      clearTimeout(this.timer);
      this.fails = 0;
      this.take(JSON.parse(data));
    });
    source.onerror = () => (source.readyState === 2 || ++this.fails > 2) && lost();
  }
  /* Where no stream comes through this goes on for ever; the stream is tried in between. */
  async poll() {
    const base = this.base;
    await this.ask("");
    if (base !== this.base) return;
    const pause = Math.min(1000 * 2 ** this.fails++, 30000) * (1 - Math.random() / 2);
    this.timer = setTimeout(() => this.open(), pause);
  }
  async ask(path, sent) {
    const base = this.base;
    try {
      const answer = await fetch(base + path, sent);
      const now = await answer.json();
      if (base !== this.base) return;
      if (answer.ok) this.take(now);
      if (answer.status === 404) {
        this.stop();
        this.tell("expired");
      }
    } catch {
      /* Offline: asked again later. */
    }
  }
  tell(what, detail) {
    this.dispatchEvent(new CustomEvent("recoup-" + what, { detail, bubbles: true }));
  }

  take({ items, unread }) {
    this.render(items);
    if (this.getAttribute("unread") === String(unread)) return;
    this.setAttribute("unread", unread);
    this.tell("unread", { unread });
  }
  render(items) {
    this.items = items;
    const mode = this.getAttribute("mode"), wall = ["suspended", this.getAttribute("wall")];
    const shown = items.filter(({ read, stage }) => mode !== "count" && (!read || LASTING.includes(stage)));
    const walls = shown.filter(({ stage }) => mode !== "banner" && LASTING.includes(stage) && wall.includes(stage));
    const wanted = [walls.length, ...shown.map((item) => item.position)].join();
    if (wanted === this.shown) return; /* A screen reader says it once. */
    this.shown = wanted;
    this.shadowRoot.replaceChildren();
    if (walls.length) this.block(walls);
    else if (shown.length) this.announce(shown);
  }
  announce(items) {
    const [{ direction, position, stage }] = items;
    const role = items.every(({ stage }) => GOOD.includes(stage)) ? "status" : "alert";
    const box = make(this.shadowRoot, "div", { class: "banner", part: "banner " + stage, role, dir: direction });
    const list = make(box, "div");
    for (const item of items) show(item, list);
    if (items.every(({ stage }) => LASTING.includes(stage))) return;
    const close = make(box, "button", { "aria-label": words(items[0])[1], part: "close" }, "×");
    const headers = { "Content-Type": "application/json" }, body = JSON.stringify({ up_to: position });
    close.onclick = () => this.ask("/read", { method: "POST", headers, body });
  }
  block(items) {
    const named = { role: "dialog", "aria-modal": true, "aria-label": items[0].subject, part: "wall", closedby: "none" };
    const wall = make(this.shadowRoot, "dialog", named);
    for (const item of items) show(item, wall);
    wall.oncancel = (event) => event.preventDefault();
    wall.onkeydown = (event) => event.key === "Escape" && event.preventDefault();
    wall.onclose = () => wall.isConnected && wall.showModal();
    wall.showModal();
  }
}
customElements.get("recoup-messages") || customElements.define("recoup-messages", RecoupMessages);
}
