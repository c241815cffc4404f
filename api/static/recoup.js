/* <recoup-messages src="https://recoup.example.com" token="...">: shows what a customer must know about a payment.
   Texts go in as text, styles as a constructed sheet, so it runs under a strict Content-Security-Policy. */
(() => {
  const WORDS = {
    en: ["Go to payment", "Close"], de: ["Zur Zahlung", "Schließen"], fr: ["Accéder au paiement", "Fermer"],
    es: ["Ir al pago", "Cerrar"], pt: ["Ir para o pagamento", "Fechar"], ja: ["お支払いへ進む", "閉じる"],
    ar: ["الانتقال إلى الدفع", "إغلاق"],
  };
  const GOOD = ["reinstated", "recovered", "closed"];
  const SILENT_MS = 8000, LONGEST_MS = 30000;
  const SHEET = new CSSStyleSheet();
  SHEET.replaceSync(`
    :host{font:var(--recoup-font,1rem/1.5 system-ui,sans-serif)}
    .banner,dialog{background:var(--recoup-background,#fff8e6);color:var(--recoup-color,#1c1c1e);
      border:1px solid var(--recoup-border,#d9a400);border-radius:var(--recoup-radius,.75rem);padding:1rem}
    .banner{display:flex;gap:1rem;align-items:flex-start;margin:var(--recoup-margin,.5rem)}
    .banner[data-stage=final_notice],.banner[data-stage=limited]{border-color:var(--recoup-urgent,#b42318)}
    .items{flex:1;min-width:0}
    article+article{margin-top:1rem}
    h2{font-size:1.0625em;margin:0}
    p{margin:.25rem 0 .75rem;white-space:pre-line;overflow-wrap:anywhere}
    a{display:inline-block;padding:.625rem 1rem;border-radius:.5rem;font-weight:600;text-decoration:none;
      background:var(--recoup-accent,#1d4ed8);color:var(--recoup-accent-color,#fff)}
    button{font:inherit;font-size:1.5rem;line-height:1;min-width:2.75rem;min-height:2.75rem;border:0;background:none;
      color:inherit;cursor:pointer}
    dialog{box-sizing:border-box;width:min(32rem,calc(100% - 2rem));max-height:calc(100% - 2rem)}
    dialog::backdrop{background:var(--recoup-backdrop,rgba(0,0,0,.75))}
    :focus-visible{outline:3px solid var(--recoup-accent,#1d4ed8);outline-offset:2px}`);

  const make = (tag, parent, text, attributes = {}) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  };
  const words = (item) => WORDS[String(item.locale).slice(0, 2)] || WORDS.en;
  const safe = (link) => {
    try {
      const { protocol, hostname } = new URL(link);
      return protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1"].includes(hostname));
    } catch {
      return false;
    }
  };
  const show = (item, parent) => {
    const box = make("article", parent, "", { lang: item.locale, dir: item.direction === "rtl" ? "rtl" : "ltr" });
    make("h2", box, item.subject);
    make("p", box, item.text);
    if (safe(item.link)) make("a", box, words(item)[0], { href: item.link, rel: "noopener noreferrer", part: "link" });
  };

  class RecoupMessages extends HTMLElement {
    static observedAttributes = ["src", "token", "mode", "wall"];

    constructor() {
      super();
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [SHEET];
    }
    connectedCallback() {
      this.start();
    }
    disconnectedCallback() {
      this.stop();
      this.render([]);
    }
    attributeChangedCallback(name, before, after) {
      if (!this.isConnected || before === after) return;
      if (name === "src" || name === "token") this.start();
      else this.render(this.items || []);
    }

    start() {
      this.stop();
      const [src, token] = [this.getAttribute("src"), this.getAttribute("token")];
      if (!src || !token) return;
      this.base = `${src.replace(/\/+$/, "")}/feed/${encodeURIComponent(token)}`;
      this.fails = 0;
      this.open();
    }
    stop() {
      this.base = null;
      clearTimeout(this.timer);
      this.source?.close();
    }
    open() {
      const source = (this.source = new EventSource(`${this.base}/stream`));
      const lost = () => {
        source.close();
        clearTimeout(this.timer);
        this.poll();
      };
      this.timer = setTimeout(lost, SILENT_MS);
      source.addEventListener("feed", (event) => {
        clearTimeout(this.timer);
        this.fails = 0;
        this.take(JSON.parse(event.data));
      });
      source.onerror = () => (source.readyState === EventSource.CLOSED || ++this.fails > 2) && lost();
    }
    /* Where no stream comes through, this goes on for ever, and the stream is tried in between. */
    async poll() {
      const base = this.base;
      const now = await this.ask("");
      if (base !== this.base || now === "expired") return;
      const pause = Math.min(1000 * 2 ** this.fails++, LONGEST_MS);
      this.timer = setTimeout(() => this.open(), pause * (0.5 + Math.random() / 2));
    }
    async ask(path, body) {
      const base = this.base;
      try {
        const sent = body && { method: "POST", headers: { "Content-Type": "application/json" }, body };
        const answer = await fetch(base + path, { credentials: "omit", cache: "no-store", ...sent });
        if (base !== this.base) return;
        if (answer.ok) this.take(await answer.json());
        else if (answer.status === 404) {
          this.stop();
          this.dispatchEvent(new CustomEvent("recoup-expired", { bubbles: true, composed: true }));
          return "expired";
        }
      } catch {
        /* Offline: asked again later. */
      }
    }

    take(now) {
      if (String(now.unread) !== this.getAttribute("unread")) {
        this.setAttribute("unread", now.unread);
        const detail = { unread: now.unread };
        this.dispatchEvent(new CustomEvent("recoup-unread", { detail, bubbles: true, composed: true }));
      }
      this.items = now.items;
      this.render(now.items);
    }
    isWall({ stage }) {
      const mode = this.getAttribute("mode") || "auto";
      return mode === "auto" && (stage === "suspended" || (stage === "limited" && this.getAttribute("wall") === stage));
    }
    render(items) {
      const quiet = this.getAttribute("mode") === "count";
      const walls = quiet ? [] : items.filter((item) => this.isWall(item));
      const lasting = ({ stage }) => stage === "limited" || stage === "suspended";
      const banner = quiet || walls.length ? [] : items.filter((item) => !item.read || lasting(item));
      const wanted = JSON.stringify([walls, banner]);
      if (wanted === this.shown) return; /* A screen reader says it once. */
      this.shown = wanted;
      this.shadowRoot.replaceChildren();
      if (walls.length) this.raise(walls);
      else if (banner.length) this.announce(banner, !banner.every(lasting));
    }
    announce(items, dismissible) {
      const role = items.every(({ stage }) => GOOD.includes(stage)) ? "status" : "alert";
      const box = make("div", this.shadowRoot, "", { class: "banner", part: "banner", role });
      box.dataset.stage = items[0].stage;
      box.dir = items[0].direction;
      const list = make("div", box, "", { class: "items" });
      items.forEach((item) => show(item, list));
      if (!dismissible) return;
      const close = make("button", box, "×", { type: "button", "aria-label": words(items[0])[1], part: "close" });
      close.onclick = () => this.ask("/read", JSON.stringify({ up_to: items[0].position }));
    }
    raise(items) {
      const wall = make("dialog", this.shadowRoot, "", { role: "dialog", "aria-modal": "true", part: "wall" });
      wall.setAttribute("closedby", "none");
      wall.setAttribute("aria-label", items[0].subject);
      items.forEach((item) => show(item, wall));
      const stay = (event) => event.preventDefault();
      wall.addEventListener("cancel", stay);
      wall.addEventListener("keydown", (event) => event.key === "Escape" && stay(event));
      wall.addEventListener("close", () => wall.isConnected && wall.showModal());
      wall.showModal();
    }
  }
  if (!customElements.get("recoup-messages")) customElements.define("recoup-messages", RecoupMessages);
})();
