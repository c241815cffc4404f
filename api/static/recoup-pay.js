/* <recoup-banner src token> and <recoup-payment-wall src token mode>, for pages under a strict Content-Security-Policy
   (docs/payment-wall.md). Members are private: where one has an attribute's name, frameworks would set it instead. */
if (typeof customElements !== "undefined" && !customElements.get("recoup-payment-wall")) {
const FIRST_EVENT = 8000, FRAME_READY = 8000, GIVE_UP = 15000, LONGEST_PAUSE = 30000, LONGEST_RETRY = 300;
const TALLEST = 4000;
const CUT_OFF = ["suspended", "closed"], LASTING = ["limited", ...CUT_OFF];
const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
:host{font:var(--recoup-font,1rem/1.5 system-ui,sans-serif)}
[hidden]{display:none!important}
.banner,dialog{box-sizing:border-box;background:var(--recoup-background,#fff8e6);color:var(--recoup-color,#1c1c1e);
padding:1rem;border:1px solid var(--recoup-border,#d9a400);border-radius:var(--recoup-radius,.75rem)}
.banner{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;margin:var(--recoup-margin,.5rem)}
.banner .words{flex:1 1 12rem;display:flex;flex-wrap:wrap;gap:0 1rem;align-items:baseline}
h2{font-size:1.06em;margin:0;outline:0}
p{margin:0;white-space:pre-line;overflow-wrap:anywhere}
.due{font-weight:600}
dialog{width:min(var(--recoup-width,32rem),100% - 1rem);max-width:none;max-height:calc(100dvh - 1rem);overflow:auto;
overscroll-behavior:contain}
dialog h2{padding-inline-end:3rem}
dialog p{margin-block-start:.5rem}
a{display:inline-block;padding:.6rem 1rem;border-radius:.5rem;font-weight:600;text-decoration:none;
background:var(--recoup-accent,#1d4ed8);color:var(--recoup-accent-color,#fff)}
dialog a{margin-block-start:1rem}
.ready p,.ready a,.loading a{display:none}
button{font:inherit;font-size:1.5rem;line-height:1;min-width:2.75rem;min-height:2.75rem;border:0;background:none;
color:inherit;cursor:pointer}
dialog button{float:inline-end;margin:-.6rem}
.banner button{margin-inline-start:auto}
a:focus-visible,button:focus-visible{outline:3px solid var(--recoup-focus,currentcolor);outline-offset:2px}
iframe{display:block;box-sizing:border-box;width:100%;height:24rem;border:0;margin-block-start:1rem;
color-scheme:var(--recoup-color-scheme,light)}
::backdrop{background:var(--recoup-backdrop,#000c)}
@media (prefers-reduced-motion:no-preference){dialog[open]{animation:appear .2s}}
@keyframes appear{from{opacity:0}}`);

const make = (parent, tag, attributes = {}, text = "") => {
  const made = document.createElement(tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  made.textContent = text;
  parent.append(made);
  return made;
};
/* What is the same is left alone: a screen reader says a change, and says it once. */
const put = (node, name, value) => node.getAttribute(name) === value || node.setAttribute(name, value);
const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
};
const parsed = (link, base) => {
  try {
    const url = new URL(link, base);
    const loopback = url.protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
    return url.protocol === "https:" || loopback ? url : null;
  } catch {
    return null;
  }
};

class RecoupBanner extends HTMLElement {
  static observedAttributes = ["src", "token", "mode", "block", "open"];
  #run = null; #base; #origin; #source; #timer; #fails; #erred;
  #now = null; #box = null; #parts; #frame = null; #framed = null; #late; #before; #locked = false; #closed = null;

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [SHEET];
  }
  connectedCallback() {
    window.addEventListener("message", this.#heard);
    window.addEventListener("pageshow", this.#returned);
    this.#restart();
  }
  disconnectedCallback() {
    window.removeEventListener("message", this.#heard);
    window.removeEventListener("pageshow", this.#returned);
    this.#stop();
    this.#clear();
  }
  attributeChangedCallback(name, before, after) {
    if (!this.isConnected || before === after) return;
    name === "src" || name === "token" ? this.#restart() : this.#render();
  }
  /* Back from the payment page by the browser's own button: what the page still shows is old. */
  #returned = ({ persisted }) => persisted && this.#restart();

  /* Once for all that is changed together: no old token is sent to a new `src`. */
  #restart() {
    this.#stop();
    const run = this.#run = {};
    queueMicrotask(() => run === this.#run && this.#start());
  }
  #start() {
    const src = this.getAttribute("src"), token = this.getAttribute("token");
    const url = src && token && parsed(src, document.baseURI);
    if (!url) {
      this.#now = null;
      this.#clear();
      if (src && token) this.#tell("error", { reason: "src" });
      return;
    }
    this.#origin = url.origin;
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/, "")}/pay/${encodeURIComponent(token)}`;
    this.#fails = 0;
    this.#erred = false;
    this.#read();
  }
  #stop() {
    this.#run = null;
    clearTimeout(this.#timer);
    this.#source?.close();
  }
  /* The state as it is, then the stream of its changes. Where no stream comes through, this goes on for ever. */
  async #read() {
    const run = this.#run;
    let answer, now, failed = "unreachable";
    try {
      const signal = AbortSignal.timeout(GIVE_UP);
      answer = await fetch(this.#base + "/summary", { credentials: "omit", referrerPolicy: "no-referrer", signal });
      now = await answer.json();
      failed = answer.ok && now.state ? null : "refused";
    } catch {
      /* Offline, or no answer of Recoup's: asked again later. */
    }
    if (run !== this.#run) return;
    if (answer?.status === 404) {
      this.#stop();
      return this.#tell("expired");
    }
    const wanted = Math.min(Number(answer?.headers.get("Retry-After")) || 0, LONGEST_RETRY) * 1000;
    const pause = Math.min(500 * 2 ** this.#fails, LONGEST_PAUSE) * (1 - Math.random() / 2);
    if (failed) this.#timer = setTimeout(() => this.#read(), Math.max(pause, wanted));
    else this.#timer = setTimeout(() => this.#open(), this.#fails && pause);
    this.#fails++;
    failed ? this.#fail(failed) : this.#take(now);
  }
  #open() {
    const source = this.#source = new EventSource(this.#base + "/stream");
    let drops = 0;
    const lost = () => {
      source.close();
      clearTimeout(this.#timer);
      this.#read();
    };
    this.#timer = setTimeout(lost, FIRST_EVENT);
    source.addEventListener("summary", ({ data }) => {
      clearTimeout(this.#timer);
      this.#fails = drops = 0;
      this.#take(JSON.parse(data));
    });
    source.onerror = () => (source.readyState === 2 || ++drops > 2) && lost();
  }
  #fail(reason) {
    if (this.#erred) return;
    this.#erred = true;
    this.#tell("error", { reason });
  }
  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent("recoup-" + what, { detail, bubbles: true, composed: true }));
  }

  #take(now) {
    const before = this.#now?.state;
    this.#now = now;
    this.#erred = false;
    this.#render();
    if (before && before !== "settled" && now.state === "settled") this.#tell("settled");
  }
  get #mode() {
    const mode = this.getAttribute("mode");
    if (this.localName === "recoup-banner" || mode === "banner") return "banner";
    return mode === "blocking" ? mode : "dismissible";
  }
  #render() {
    const now = this.#now, mode = this.#mode, wall = mode !== "banner";
    if (!now) return;
    const asked = ![null, "false"].includes(this.getAttribute("open"));
    const must = CUT_OFF.includes(now.access) || (this.getAttribute("block") === "owed" && now.state === "owed");
    this.#locked = wall ? mode === "blocking" && must : LASTING.includes(now.access);
    const closed = this.#remembered() && !this.#locked && !asked;
    /* What is on its way needs no wall, but one that stands holds what the customer is just doing. */
    const idle = wall && now.state === "processing" && !this.#locked && !asked && !this.#box;
    if (now.state === "settled" || closed || idle) return this.#clear();
    const fresh = !this.#box || (this.#box.localName === "dialog") !== wall;
    if (fresh) this.#build(wall);
    this.#fill(wall);
    if (!fresh) return;
    if (wall) this.#box.showModal();
    this.#tell("opened", { mode, state: now.state, access: now.access });
  }
  #build(wall) {
    this.#clear();
    this.#before = document.activeElement;
    const box = this.#box = make(this.shadowRoot, wall ? "dialog" : "div", { class: wall ? "" : "banner" });
    const close = make(box, "button", { type: "button", part: "close" }, "×");
    const words = make(box, "div", { class: "words" });
    const headline = make(words, "h2", { part: "headline", id: "headline" });
    const text = wall && make(words, "p", { part: "text", id: "text" });
    const due = make(words, "p", { class: "due", part: "due" });
    const deadline = make(words, "p", { part: "deadline" });
    const link = make(box, "a", { part: "button", target: "_top", rel: "noreferrer" });
    close.onclick = () => this.#dismiss();
    this.#parts = { close, headline, text, due, deadline, link };
    if (!wall) return box.append(close);
    put(headline, "tabindex", "-1");
    put(headline, "autofocus", "");
    put(box, "aria-labelledby", "headline");
    put(box, "aria-describedby", "text");
    /* Where there is no `closedby`, a second Escape comes through as a key only. */
    const hold = (event) => {
      if (this.#locked && (event.type === "cancel" || event.key === "Escape")) event.preventDefault();
    };
    box.addEventListener("cancel", hold);
    box.addEventListener("keydown", hold);
    box.addEventListener("close", () => {
      if (this.#box === box) this.#locked ? box.showModal() : this.#dismiss();
    });
  }
  #fill(wall) {
    const now = this.#now, box = this.#box, { close, headline, text, due, deadline, link } = this.#parts;
    put(box, "part", `${wall ? "wall" : "banner"} ${now.state} ${now.access}`);
    put(box, "lang", now.locale);
    put(box, "dir", now.direction);
    put(close, "aria-label", now.later);
    close.hidden = this.#locked;
    write(headline, now.headline);
    write(due, now.due.join("\n"));
    write(deadline, now.deadline || "");
    /* What is on its way is not to be paid again. */
    write(link, (now.state === "owed" && parsed(now.url) && now.button) || "");
    if (parsed(now.url)) put(link, "href", now.url);
    if (!wall) return put(box, "role", now.state === "owed" ? "alert" : "status");
    write(text, now.text);
    put(box, "closedby", this.#locked ? "none" : "closerequest");
    this.#embed(now.embed_url);
  }
  /* The frame is loaded anew only for another token, or the customer would lose what they have typed. */
  #embed(address) {
    const token = this.getAttribute("token");
    if (this.#framed === token) return;
    this.#framed = token;
    this.#frame?.remove();
    this.#frame = null;
    clearTimeout(this.#late);
    if (parsed(address)?.origin !== this.#origin) return this.#unframed();
    /* Wallets, and passkeys that a bank asks for. The origin, for the page inside must know whom to tell its height. */
    const allow = "payment; publickey-credentials-get", title = this.#now.headline;
    const named = { part: "frame", title, allow, referrerpolicy: "origin", src: address };
    this.#frame = make(this.#box, "iframe", named);
    this.#box.append(this.#parts.link);
    this.#box.className = "loading";
    this.#late = setTimeout(() => this.#unframed(), FRAME_READY);
  }
  /* Nothing was heard from the frame (a policy forbids it, or it is unwell): there is still the link. */
  #unframed() {
    this.#box.className = "unframed";
    this.#fail("frame");
  }
  #heard = ({ source, origin, data }) => {
    if (!this.#frame || source !== this.#frame.contentWindow || origin !== this.#origin || !data) return;
    const { recoup, height } = data;
    if (recoup === "settled") this.#take({ ...this.#now, state: "settled" });
    if (recoup === "close" && !this.#locked) this.#dismiss();
    if (recoup !== "height" || !(height > 0)) return;
    clearTimeout(this.#late);
    this.#box.className = "ready";
    this.#frame.style.height = Math.min(height, TALLEST) + "px";
  };

  get #mark() { return `${this.#now.state} ${this.#now.access}`; }
  get #slot() { return `${this.localName} ${this.#mode}`; }
  #dismiss() {
    this.#closed = this.#mark;
    try {
      sessionStorage.setItem(this.#slot, this.#closed);
    } catch {
      /* A browser that keeps nothing: remembered as long as this page. */
    }
    this.#clear();
    this.removeAttribute("open");
    this.#tell("dismissed", { state: this.#now.state, access: this.#now.access });
  }
  /* Until the state changes: then what was put away is another message, also if it was the same once before. */
  #remembered() {
    try {
      this.#closed = sessionStorage.getItem(this.#slot) || this.#closed;
      if (this.#closed !== this.#mark) sessionStorage.removeItem(this.#slot);
    } catch {
      /* As above. */
    }
    if (this.#closed !== this.#mark) this.#closed = null;
    return this.#closed !== null;
  }
  #clear() {
    const box = this.#box;
    this.#box = this.#frame = this.#framed = null;
    clearTimeout(this.#late);
    if (!box) return;
    const inside = box.localName === "dialog" && !this.isConnected;
    if (box.open) box.close();
    this.shadowRoot.replaceChildren();
    /* An element that was taken away with its page's part no longer gives the focus back by itself. */
    if (inside) this.#before?.focus?.();
  }
}
customElements.define("recoup-banner", RecoupBanner);
customElements.define("recoup-payment-wall", class RecoupPaymentWall extends RecoupBanner {});
}
