/** The page's line to the playground's server: requests under /page/ and one stream of events. */

export class Refused extends Error {}

/** CDN addresses name the server by number; the page may have been opened by its other name. */
export function near(address) {
  if (!address) return address;
  const url = new URL(address, location.href);
  const loopback = ["127.0.0.1", "localhost"].includes(url.hostname);
  return loopback && url.port === location.port ? url.pathname + url.search : address;
}

/** What `fetch` brings; asked anew while `version` says that there was news meanwhile. */
export async function settled(fetch, version) {
  for (;;) {
    const before = version();
    const found = await fetch();
    if (before === version()) return found;
  }
}

async function reason(response) {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    return body.message ?? body.error ?? text;
  } catch {
    return text || `${response.status} ${response.statusText}`;
  }
}

export class Api {
  #socket = null;
  #closed = false;

  /** @param {string} user whose eyes and hands these are */
  constructor(user) {
    this.user = user;
  }

  #address(path, query = {}) {
    return `/page${path}?${new URLSearchParams({ as: this.user, ...query })}`;
  }

  async #ask(method, path, { query, json, form } = {}) {
    const body = form ?? (json === undefined ? undefined : JSON.stringify(json));
    const headers = json === undefined ? {} : { "Content-Type": "application/json" };
    const response = await fetch(this.#address(path, query), { method, body, headers });
    if (!response.ok) throw new Refused(await reason(response));
    return response.status === 204 ? null : response.json();
  }

  /** @param {string} [guild] the server to look at; the first if left out */
  state(guild) {
    return this.#ask("GET", "/state", { query: guild ? { guild } : {} });
  }

  messages(channel, before) {
    const query = before ? { limit: 50, before } : { limit: 50 };
    return this.#ask("GET", `/channels/${channel}/messages`, { query });
  }

  /** @param {{files: File[], replyTo: string|null}} carried */
  send(channel, content, { files, replyTo }) {
    const answered = replyTo && { message_reference: { message_id: replyTo } };
    return this.#post(`/channels/${channel}/messages`, { content, ...answered }, files);
  }

  react(channel, message, emoji, add) {
    const path = `/channels/${channel}/messages/${message}/reactions/${encodeURIComponent(emoji)}`;
    return this.#ask(add ? "PUT" : "DELETE", path);
  }

  remove(channel, message) {
    return this.#ask("DELETE", `/channels/${channel}/messages/${message}`);
  }

  openDm() {
    return this.#ask("POST", "/dm");
  }

  /** @param {object} payload @param {File[]} [files] named files[0], files[1], … */
  interact(payload, files = []) {
    return this.#post("/interactions", payload, files);
  }

  #post(path, payload, files) {
    if (!files.length) return this.#ask("POST", path, { json: payload });
    const form = new FormData();
    form.append("payload_json", JSON.stringify(payload));
    files.forEach((file, index) =>
      form.append(`files[${index}]`, file, file.name || "picture.png"),
    );
    return this.#ask("POST", path, { form });
  }

  /** Lines of JSON: what went over the wire after the line of that number. */
  async wire(after) {
    return (await fetch(this.#address("/wire", { after }))).text();
  }

  /** Follows the events until `close`; tells `onLine(true|false)` when the line comes and goes. */
  follow(onEvent, onLine, wait = 400) {
    if (this.#closed) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.#address("/events")}`);
    this.#socket = socket;
    let next = wait;
    socket.addEventListener("open", () => {
      next = 400;
      onLine(true);
    });
    socket.addEventListener("message", ({ data }) => this.#closed || onEvent(JSON.parse(data)));
    socket.addEventListener("close", () => {
      if (this.#closed) return;
      onLine(false);
      setTimeout(() => this.follow(onEvent, onLine, Math.min(next * 2, 5000)), next);
    });
  }

  close() {
    this.#closed = true;
    this.#socket?.close();
  }
}
