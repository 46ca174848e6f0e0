/** Links to messages: Discord's addresses, which lead into the page instead of out of it. */

const MESSAGE = /^https:\/\/discord\.com\/channels\/(@me|\d+)\/(\d+)\/(\d+)$/;

/** @param {string} address @returns {{guild: string, channel: string, message: string}|null} */
export function messageAt(address) {
  const [, guild, channel, message] = MESSAGE.exec(address ?? "") ?? [];
  return message ? { guild, channel, message } : null;
}

/** Lets `go` follow every link to a message below `root`. */
export function followMessages(root, go) {
  root.addEventListener("click", (event) => {
    const place = messageAt(event.target.closest?.("a")?.href);
    if (!place || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(place);
  });
}
