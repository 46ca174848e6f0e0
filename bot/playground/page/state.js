/** What the page knows: who is here, which channel is open, what the bot can do. */

class State extends EventTarget {
  me = null;
  bot = null;
  guild = null;
  /** @type {{id: string, name: string}[]} */ guilds = [];
  channelId = null;
  online = false;
  status = "";
  /** @type {object[]} */ channels = [];
  /** @type {object[]} */ commands = [];
  /** @type {Map<string, object>} */ users = new Map();
  /** @type {Map<string, object>} the server's members by user */ members = new Map();
  /** @type {Record<string, string>} channel → what one may do there, as bits */ permissions = {};
  /** @type {Map<string, number>} channel → unread messages */ unread = new Map();
  /** @type {Set<string>} ephemeral messages this person has waved away */
  dismissed = new Set(JSON.parse(sessionStorage.getItem("easel.dismissed") ?? "[]"));

  /** Takes the server's whole account of things. */
  load(told) {
    this.me = told.me;
    this.guild = told.guild ?? null;
    this.guilds = told.guilds ?? [];
    this.channels = told.channels ?? [];
    this.commands = told.commands ?? [];
    this.users = new Map((told.users ?? []).map((user) => [user.id, user]));
    this.users.set(told.me.id, told.me);
    this.members = new Map((told.members ?? []).map((one) => [one.user.id, one]));
    this.permissions = told.permissions ?? {};
    this.takeBot(told.bot ?? {});
    if (!this.channel) this.channelId = this.channels.find((one) => one.type === "text")?.id;
    this.tell("people", "channels", "commands", "bot");
  }

  takeBot(told) {
    this.bot = told.user ?? this.bot;
    if (this.bot) this.users.set(this.bot.id, { ...this.bot, bot: true });
    this.online = told.online ?? this.online;
    this.status = told.online === false ? "" : (told.status ?? this.status);
  }

  get channel() {
    return this.channels.find((one) => one.id === this.channelId);
  }

  open(channelId) {
    this.channelId = channelId;
    this.unread.delete(channelId);
    this.tell("channel", "channels");
  }

  meet(user) {
    if (user && !this.users.has(user.id)) this.users.set(user.id, user);
  }

  dismiss(messageId) {
    this.dismissed.add(messageId);
    const kept = [...this.dismissed].slice(-200);
    sessionStorage.setItem("easel.dismissed", JSON.stringify(kept));
  }

  /** @param {...("people"|"channels"|"channel"|"commands"|"bot"|"language")} topics */
  tell(...topics) {
    for (const topic of topics) this.dispatchEvent(new Event(topic));
  }

  /** Calls `handler` now and whenever one of the topics changes. */
  watch(topics, handler) {
    for (const topic of topics) this.addEventListener(topic, handler);
  }
}

export const state = new State();

export const nameOf = (user) => user?.global_name || user?.username || "?";

/** Whether a channel belongs to no server: with the bot alone, or among friends. */
export const isDirect = (channel) => channel?.type === "dm" || channel?.type === "group";

export function channelName(channel) {
  if (!channel) return "";
  return `${isDirect(channel) ? "@" : "#"}${channel.name}`;
}
