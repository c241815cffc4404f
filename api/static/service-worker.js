// Shows Recoup's push messages. Runs in the customer's browser, on the merchant's own page; see docs/channels/push.md.
"use strict";

// A script that was let in by mistake, or a stolen key, must not send a customer just anywhere.
function safeLink(link) {
  if (typeof link !== "string") return null;
  try {
    const url = new URL(link);
    const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
    return url.protocol === "https:" || (url.protocol === "http:" && isLocal) ? url.href : null;
  } catch {
    return null;
  }
}

function read(data) {
  try {
    const message = data.json();
    return message && typeof message === "object" ? message : {};
  } catch {
    return {};
  }
}

function text(value, otherwise) {
  return typeof value === "string" ? value : otherwise;
}

self.addEventListener("push", (event) => {
  // A browser that gets a message and shows nothing shows a notice of its own, so there are words for every case.
  const message = event.data ? read(event.data) : {};
  const options = {
    body: text(message.body, ""),
    dir: ["ltr", "rtl"].includes(message.dir) ? message.dir : "auto",
    lang: text(message.lang, ""),
    data: { link: safeLink(message.link) },
  };
  if (text(message.tag, "")) {
    // The next one of the same case takes its place and is announced as a new one.
    options.tag = message.tag;
    options.renotify = true;
  }
  event.waitUntil(self.registration.showNotification(text(message.title, "") || self.location.hostname, options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const link = safeLink(event.notification.data && event.notification.data.link);
  if (link) event.waitUntil(self.clients.openWindow(link));
});
