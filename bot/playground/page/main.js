/** Opens the page: joins the server's events, the list, the box and the two sides. */

import { Api, Refused, settled } from "./api.js";
import { banner } from "./banner.js";
import { isOffered, messageCommands } from "./commands.js";
import { Composer } from "./composer.js";
import { sign } from "./dom.js";
import { acceptFiles } from "./drops.js";
import { drawBar, Drawers } from "./frame.js";
import { drawGate, isShut } from "./gate.js";
import { followMessages } from "./links.js";
import { plainText } from "./markdown.js";
import { below, openMenu } from "./menu.js";
import { isEphemeral } from "./message.js";
import { drawPill, MessageList } from "./messages.js";
import { openModal } from "./modal.js";
import { drawChannels, drawGuilds, drawMe, drawMembers } from "./people.js";
import { offerReactions } from "./reactions.js";
import { channelName, state } from "./state.js";
import { Typing } from "./typing.js";
import { Wire } from "./wire.js";
import { currentLanguage, locale, localised, say } from "./words.js";

const KEPT = "easel.as";
const byId = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search).get("as");

let api = new Api(asked ?? sessionStorage.getItem(KEPT) ?? "painter");
let locals = 0;

/** Events whose news the server's account of things holds as well. */
const NEWS = new Set(["BOT", "CHANNEL_CREATE", "COMMANDS", "PLACES"]);
let news = 0;

/** The server's account of things; never one from before what it has told since. */
const account = (guild) =>
  settled(
    () => api.state(guild ?? state.guild?.id),
    () => news,
  );

/** What is said of a request that was refused, or did not arrive. */
const problemOf = (error) =>
  error instanceof Refused ? say("trouble", { why: error.message }) : say("unsent");

/** What the server says to an interaction, as a sentence when it went wrong. */
async function interact(payload, files) {
  try {
    const answer = await api.interact(
      { channel_id: state.channelId, locale: locale(), ...payload },
      files,
    );
    if (answer.outcome === "failed") return { ...answer, problem: say("failed") };
    if (answer.outcome === "modal") openModal(answer.modal, submitting(answer.interaction_id));
    return answer;
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

const submitting = (id) => async (values, files) =>
  (await interact({ type: 5, interaction_id: id, values }, files)).problem ?? null;

/** A note in the list that only this page knows: what Discord shows when nobody answers. */
function localNote(command, content) {
  list.put({
    id: `local-${++locals}`,
    local: true,
    author: state.bot ?? state.me,
    content,
    flags: 64,
    timestamp: new Date().toISOString(),
    interaction: { user: state.me, name: command, type: 2 },
  });
}

/** Uses a command; why it failed stands where it was used. */
async function useCommand(shown, payload, files) {
  const [mine, place] = [api, state.channelId];
  composer.tell(say("sending", { name: shown }));
  const answer = await interact({ type: 2, ...payload }, files);
  composer.tell("");
  if (!answer.problem || api !== mine) return;
  const why = answer.outcome === "failed" ? say("no_answer") : answer.problem;
  if (place === state.channelId) localNote(payload.command, why);
  else composer.tell(`${shown}: ${why}`, true);
}

/** Waits for a request; says under the box why it failed. */
const attempt = (request) => request.catch((error) => composer.tell(problemOf(error), true));

const acts = {
  press: async (message, spec, values) => {
    const payload = { type: 3, message_id: message.id, custom_id: spec.custom_id };
    if (values) payload.values = values;
    return (await interact(payload)).problem ?? null;
  },
  react: (message, emoji, add) => attempt(api.react(message.channel_id, message.id, emoji, add)),
  offer: (view, button) =>
    offerReactions(below(button), (emoji) => acts.react(view.message, emoji, true)),
  menu: (view, at) => messageMenu(view, at instanceof Element ? below(at) : at),
  reply: (view) => composer.reply(view.message),
  jump: async (id) => {
    if ((await attempt(list.jump(id))) === false) composer.tell(say("deleted"), true);
  },
  dismiss: (message) => {
    state.dismiss(message.id);
    list.remove(message.id);
    if (!message.local) api.remove(message.channel_id, message.id).catch(() => {});
    composer.focus();
  },
  leave: () => composer.focus(),
};

async function copy(text) {
  const done = await navigator.clipboard.writeText(text).then(
    () => true,
    () => false,
  );
  composer.tell(say(done ? "copied" : "copied_failed"), !done);
}

const MANAGE_MESSAGES = 1n << 13n;
const mayDelete = (message) =>
  isOurs(message) || BigInt(state.permissions[state.channelId] ?? 0) & MANAGE_MESSAGES;

function messageMenu(view, at) {
  const { message } = view;
  if (message.local) return;
  const { channel } = state;
  const bits = state.permissions[channel.id];
  const offered = messageCommands(state.commands).filter((one) => isOffered(one, channel, bits));
  const apps = offered.map((command) => ({
    text: localised(command, "name"),
    run: () => useCommand(command.name, { command: command.name, target_id: message.id }),
  }));
  const reply = { text: say("reply"), run: () => acts.reply(view) };
  const react = {
    text: say("react"),
    run: () => offerReactions(at, (emoji) => acts.react(message, emoji, true)),
  };
  openMenu(
    at,
    [
      ...(isEphemeral(message) ? [] : [reply, react]),
      ...(apps.length ? [{ title: say("apps"), entries: apps }] : []),
      ...(message.content
        ? [{ text: say("copy_text"), run: () => copy(plainText(message.content)) }]
        : []),
      { text: say("copy_id"), run: () => copy(message.id) },
      ...(mayDelete(message)
        ? [
            {
              text: say("delete"),
              danger: true,
              run: () => attempt(api.remove(message.channel_id, message.id)),
            },
          ]
        : []),
    ],
    { label: say("message_menu") },
  );
}

const list = new MessageList(
  byId("log"),
  byId("pill"),
  {
    fetch: (before) => api.messages(state.channelId, before),
    run: (prompt) => {
      composer.runLine(`/imagine ${prompt}`);
    },
  },
  acts,
);

const composer = new Composer(byId("composer"), {
  say: async (text, carried) => {
    try {
      await api.send(state.channelId, text, carried);
      return null;
    } catch (error) {
      return problemOf(error);
    }
  },
  run: (entry, options, files) =>
    useCommand(`/${entry.path}`, { command: entry.path, options }, files),
  complete: async (entry, options, focused) => {
    const answer = await interact({ type: 4, command: entry.path, options, focused });
    return answer.choices ?? [];
  },
});

const drawers = new Drawers(byId("side"), byId("members"), byId("shade"));
const wire = new Wire(byId("wire"), (after) => api.wire(after));

function openChannel(id) {
  drawers.close();
  state.open(id);
}

/** Goes to another server. */
async function enterGuild(id) {
  const told = await account(id);
  news += 1; // an account of the server one was in may be under way
  state.load(told);
  state.open(state.channelId);
}

/** Follows a link to a message, be it in another channel or server. */
async function goTo({ guild, channel, message }) {
  const known = () => state.channels.some((one) => one.id === channel);
  if (!known() && state.guilds.some((one) => one.id === guild)) await enterGuild(guild);
  if (!known()) {
    composer.tell(say("deleted"), true);
    return;
  }
  if (channel !== state.channelId) openChannel(channel);
  await acts.jump(message);
}

/** Opens the direct messages with the bot, which need not have begun. */
async function openDm() {
  const channel = await api.openDm();
  HANDLERS.CHANNEL_CREATE(channel);
  openChannel(channel.id);
}

const HANDLERS = {
  MESSAGE_CREATE: (message) => {
    typing.stop(message.author.id);
    if (message.channel_id === state.channelId) list.put(message);
    else if (!isOurs(message)) note(message.channel_id);
  },
  MESSAGE_UPDATE: (message) => message.channel_id === state.channelId && list.change(message),
  MESSAGE_DELETE: (told) => list.remove(told.id ?? told.message_id),
  REACTION_ADD: ({ message_id: id, reactions }) => list.change({ id, reactions }),
  REACTION_REMOVE: ({ message_id: id, reactions }) => list.change({ id, reactions }),
  CHANNEL_CREATE: (channel) => {
    if (!state.channels.some((one) => one.id === channel.id)) state.channels.push(channel);
    state.tell("channels");
  },
  PLACES: () => load().catch(() => {}),
  COMMANDS: () => load().catch(() => {}),
  TYPING_START: ({ channel_id: id, user_id: by }) => id === state.channelId && typing.start(by),
  BOT: (told) => {
    state.takeBot(told);
    state.tell("bot", "people");
  },
};

const typing = new Typing((text) => composer.isIdle && composer.tell(text));

const isOurs = (message) => message.author.id === state.me?.id;

function note(channelId) {
  state.unread.set(channelId, (state.unread.get(channelId) ?? 0) + 1);
  state.tell("channels");
}

async function load() {
  const before = state.channelId;
  state.load(await account());
  const shut = byId("middle").classList.contains("shut");
  if (before && (before !== state.channelId || shut !== isShut())) state.tell("channel");
}

/** Shows the open channel, or the gate before it. */
function enter() {
  drawGate(byId("gate"), enter);
  byId("middle").classList.toggle("shut", isShut());
  list.open();
}

let wasCut = false;

async function onLine(here) {
  banner.line(here);
  const cut = wasCut;
  wasCut = !here;
  if (!here || !cut) return;
  await load()
    .then(() => list.refresh())
    .catch(() => (wasCut = true));
}

function follow() {
  api.follow(({ t, d }) => {
    if (NEWS.has(t)) news += 1;
    HANDLERS[t]?.(d);
  }, onLine);
}

/** Becomes another person: their channels, their ephemeral messages, their reactions. */
async function become(user) {
  sessionStorage.setItem(KEPT, user);
  const address = new URL(location.href);
  if (asked) address.searchParams.set("as", user);
  history.replaceState(null, "", address);
  api.close();
  const mine = (api = new Api(user));
  news += 1;
  wasCut = true; // what happens before the line stands is asked for when it does
  state.unread.clear();
  state.guild = null;
  follow();
  await load().catch(() => {});
  if (api !== mine) return;
  state.open(state.channelId);
  byId("whoami")?.focus();
}

function title() {
  const count = [...state.unread.values()].reduce((sum, one) => sum + one, 0);
  document.title = `${count ? `(${count}) ` : ""}${channelName(state.channel)} · ${say("title")}`;
}

function drawTexts() {
  document.documentElement.lang = currentLanguage() === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-say]"))
    node.textContent = say(node.dataset.say);
  byId("side").setAttribute("aria-label", say("channels"));
  byId("members").setAttribute("aria-label", say("members"));
  byId("message").setAttribute("aria-label", say("message"));
  drawPill(byId("pill"));
}

state.watch(["language"], drawTexts);
state.watch(["language"], () => wire.draw());
state.watch(["channels", "channel", "language"], () =>
  drawGuilds(byId("guilds"), (id) => attempt(enterGuild(id))),
);
state.watch(["channels", "channel", "bot", "language"], () =>
  drawChannels(byId("channels"), { onOpen: openChannel, onDm: () => attempt(openDm()) }),
);
state.watch(["channels", "channel", "language"], title);
state.watch(["people", "bot", "channel", "language"], () => drawMembers(byId("people")));
state.watch(["people", "language"], () => drawMe(byId("me"), become));
state.watch(["channel", "language"], () => {
  drawBar(byId("bar"), drawers, wire);
  byId("log").setAttribute("aria-label", say("messages", { name: channelName(state.channel) }));
  composer.draw();
});
state.watch(["channel"], enter);
state.watch(["commands", "bot"], () => composer.commandsCame());
state.watch(["bot", "language"], () => banner.draw());
state.watch(["language"], () => list.redraw());

byId("log").addEventListener("contextmenu", (event) => {
  const view = event.target.closest?.(".message")?.view;
  if (
    !view ||
    event.shiftKey ||
    getSelection()?.toString() ||
    event.target.closest("a:not(.picture), input, textarea")
  )
    return;
  event.preventDefault();
  messageMenu(view, { x: event.clientX, y: event.clientY });
});
followMessages(byId("log"), (place) => attempt(goTo(place)));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") drawers.close();
});

async function start() {
  byId("brand-sign").append(sign());
  acceptFiles(byId("middle"), (files) => composer.attach(files));
  banner.open(byId("banner"));
  drawTexts();
  wire.draw();
  follow();
  for (let wait = 300; ; wait = Math.min(wait * 2, 5000)) {
    try {
      await load();
      break;
    } catch (error) {
      if (error instanceof Refused && api.user !== "painter") {
        await become("painter");
        return;
      }
      banner.line(false);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  banner.line(true);
  state.open(state.channelId);
  if (!matchMedia("(pointer: coarse)").matches) composer.focus();
}

start();
