/** A bot on unmodified discord.js: logs in, registers /paint, defers, edits with a file and a button. */

import { createRequire } from "node:module";

const [modules, api, token] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { ActionRowBuilder, AttachmentBuilder, ButtonBuilder, ButtonStyle, Client, Events, GatewayIntentBits,
  MessageFlags } = require("discord.js");

const intents = [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessageReactions];
const client = new Client({ intents, rest: { api }, failIfNotExists: false });

client.once(Events.ClientReady, async () => {
  await client.application.commands.set([{ name: "paint", description: "Paints" }]);
  console.log("ready");
});

client.on(Events.InteractionCreate, async (interaction) => {
  if (interaction.isChatInputCommand()) {
    await interaction.deferReply();
    const button = new ButtonBuilder().setCustomId("again").setLabel("Again").setStyle(ButtonStyle.Primary);
    const files = [new AttachmentBuilder(Buffer.from("picture"), { name: "grid.png" })];
    await interaction.editReply({ content: "painted", files, components: [new ActionRowBuilder().addComponents(button)] });
    await interaction.followUp({ content: "only you", flags: MessageFlags.Ephemeral });
  } else if (interaction.isButton()) {
    await interaction.update({ content: "again", components: [] });
    await interaction.message.react("✅");
  }
});

client.on(Events.MessageReactionAdd, (reaction, user) => {
  if (user.id !== client.user.id) console.log("reaction", reaction.emoji.name);
});
process.on("SIGTERM", () => client.destroy().then(() => process.exit(0)));
await client.login(token);
