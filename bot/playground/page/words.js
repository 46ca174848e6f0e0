/** The page's own texts, in English and Chinese. What the bot says is the bot's affair. */

const WORDS = {
  en: {
    title: "Easel playground",
    message: "Message",
    messages: "Messages in {name}",
    channels: "Channels",
    dms: "Direct messages",
    members: "Members",
    apps: "Apps",
    whoami: "Who am I",
    theme_dark: "Use the dark theme",
    theme_light: "Use the light theme",
    language: "Language",
    show_channels: "Show channels",
    show_members: "Show members",
    hide: "Close",
    owner: "owner",
    online: "online",
    offline: "offline",
    app: "APP",
    send: "Send",
    placeholder: "Message {name}, or type / for a command",
    placeholder_short: "Message {name}",
    attach: "Attach files",
    files_wait: "Enter posts them here; type / for a command that takes them.",
    reply: "Reply",
    replying: "Replying to {name}",
    stop_replying: "Stop replying",
    server: "Server",
    no_option: "Enter sends it",
    commands: "Commands",
    choices: "Choices for {name}",
    add_option: "Add {name}",
    remove_option: "Remove {name}",
    choose_file: "Choose a file",
    leave_command: "Leave the command",
    missing: "{name} is needed.",
    not_number: "{name} must be a number.",
    not_whole: "{name} must be a whole number.",
    too_small: "{name} must be at least {limit}.",
    too_large: "{name} must be at most {limit}.",
    not_here: "Easel has no command /{name}. Type / to see those it has.",
    no_place: "This command takes no file.",
    yes: "Yes",
    no: "No",
    choose: "Choose…",
    sending: "Sending {name}…",
    no_answer: "The application did not respond.",
    waiting: "Easel is still starting: this is sent as soon as it is here.",
    failed: "This interaction failed.",
    trouble: "The playground did not take this: {why}",
    only_you: "Only you can see this",
    dismiss: "Dismiss",
    edited: "(edited)",
    used: "used {command}",
    thinking: "{name} is thinking…",
    typing: "{name} is typing…",
    used_some: "used a command",
    jump: "Jump to this message",
    deleted: "The message was deleted.",
    react: "Add a reaction",
    more: "More",
    copy_text: "Copy text",
    copy_id: "Copy message ID",
    copied: "Copied.",
    reaction: "{emoji}, {count}, press to toggle",
    message_menu: "Message menu",
    spoiler: "Spoiler, press to show",
    open_picture: "Open picture",
    viewer: "Picture viewer",
    zoom_in: "Zoom in",
    zoom_out: "Zoom out",
    fit: "Fit to window",
    download: "Download",
    previous: "Previous picture",
    next: "Next picture",
    picture: "picture",
    parameters: "Parameters",
    new_messages: "New messages",
    newest: "Go to the newest message",
    bot_offline: "Easel is offline. Commands work again when it is back.",
    bot_starting: "Easel is starting…",
    lost: "The playground is out of reach. Trying again…",
    unsent: "The playground is out of reach: do this again when it is back.",
    welcome: "Welcome to #{name}",
    welcome_text:
      "Easel paints what you write, here on this machine. Press one of these to see it " +
      "work, or type /imagine and a prompt of your own.",
    welcome_dm: "This is the beginning of your messages with {name}.",
    welcome_hint:
      "U1–U4 take a picture out of the grid, V1–V4 paint variations of it, " +
      "🔄 paints again. React with ❌ to cancel, with ✉️ to have the pictures sent to you.",
    today: "Today",
    yesterday: "Yesterday",
    unread: "{count} unread",
    cancel: "Cancel",
    submit: "Submit",
    select: "Make a selection",
    skip: "Skip to the message box",
    emoji_of: "React with {emoji}",
    copied_failed: "Copying failed.",
    delete: "Delete message",
    wire: "Wire",
    wire_show: "Show what goes over the wire",
    wire_filter: "Filter",
    wire_save: "Save as NDJSON",
    request: "Request",
    files: "Files",
    answer: "Answer",
    adult: "{name} is age-restricted",
    adult_text: "You must be old enough by the law of your country to enter.",
    adult_enter: "I am old enough",
  },
  zh: {
    title: "Easel 画室",
    message: "消息",
    messages: "{name} 中的消息",
    channels: "频道",
    dms: "私信",
    members: "成员",
    apps: "应用",
    whoami: "我是谁",
    theme_dark: "使用深色主题",
    theme_light: "使用浅色主题",
    language: "语言",
    show_channels: "显示频道",
    show_members: "显示成员",
    hide: "关闭",
    owner: "服主",
    online: "在线",
    offline: "离线",
    app: "应用",
    send: "发送",
    placeholder: "给 {name} 发消息，或输入 / 使用命令",
    placeholder_short: "给 {name} 发消息",
    attach: "添加文件",
    files_wait: "按 Enter 发送到这里；输入 / 选择使用它们的命令。",
    reply: "回复",
    replying: "正在回复 {name}",
    stop_replying: "取消回复",
    server: "服务器",
    no_option: "按 Enter 发送",
    commands: "命令",
    choices: "{name} 的选项",
    add_option: "添加 {name}",
    remove_option: "移除 {name}",
    choose_file: "选择文件",
    leave_command: "退出命令",
    missing: "需要填写 {name}。",
    not_number: "{name} 必须是数字。",
    not_whole: "{name} 必须是整数。",
    too_small: "{name} 不能小于 {limit}。",
    too_large: "{name} 不能大于 {limit}。",
    not_here: "Easel 没有命令 /{name}。输入 / 查看可用命令。",
    no_place: "此命令不接受文件。",
    yes: "是",
    no: "否",
    choose: "请选择…",
    sending: "正在发送 {name}…",
    no_answer: "应用没有响应。",
    waiting: "Easel 仍在启动：就绪后会立即发送。",
    failed: "此交互失败。",
    trouble: "画室没有接受：{why}",
    only_you: "仅你可见",
    dismiss: "关闭",
    edited: "（已编辑）",
    used: "使用了 {command}",
    thinking: "{name} 正在思考…",
    typing: "{name} 正在输入…",
    used_some: "使用了命令",
    jump: "跳转到此消息",
    deleted: "消息已被删除。",
    react: "添加反应",
    more: "更多",
    copy_text: "复制文字",
    copy_id: "复制消息 ID",
    copied: "已复制。",
    reaction: "{emoji}，{count}，按下切换",
    message_menu: "消息菜单",
    spoiler: "剧透，按下显示",
    open_picture: "打开图片",
    viewer: "图片查看器",
    zoom_in: "放大",
    zoom_out: "缩小",
    fit: "适应窗口",
    download: "下载",
    previous: "上一张",
    next: "下一张",
    picture: "图片",
    parameters: "参数",
    new_messages: "新消息",
    newest: "转到最新消息",
    bot_offline: "Easel 离线。恢复后命令即可使用。",
    bot_starting: "Easel 正在启动…",
    lost: "无法连接画室，正在重试…",
    unsent: "无法连接画室：恢复后请再试一次。",
    welcome: "欢迎来到 #{name}",
    welcome_text:
      "Easel 在这台机器上画出你写的内容。点击下面任意一条试试，或输入 /imagine 和你自己的提示词。",
    welcome_dm: "这是你与 {name} 私信的开始。",
    welcome_hint:
      "U1–U4 取出网格中的一张图，V1–V4 画它的变体，🔄 重新画一次。" +
      "用 ❌ 取消，用 ✉️ 把图片发给你。",
    today: "今天",
    yesterday: "昨天",
    unread: "{count} 条未读",
    cancel: "取消",
    submit: "提交",
    select: "请选择",
    skip: "跳到消息框",
    emoji_of: "用 {emoji} 回应",
    copied_failed: "复制失败。",
    delete: "删除消息",
    wire: "通信",
    wire_show: "显示通信内容",
    wire_filter: "筛选",
    wire_save: "保存为 NDJSON",
    request: "请求",
    files: "文件",
    answer: "应答",
    adult: "{name} 有年龄限制",
    adult_text: "进入前，你必须达到所在地法律规定的年龄。",
    adult_enter: "我已达到年龄",
  },
};

const KEPT = "easel.language";
let language = localStorage.getItem(KEPT) || (navigator.language.startsWith("zh") ? "zh" : "en");

/** Discord's name of the reader's language, and their own way of writing dates in it. */
const traditional = /^zh-(tw|hk|mo|hant)/i.test(navigator.language);
export const locale = () => ({ en: "en-US", zh: traditional ? "zh-TW" : "zh-CN" })[language];
export const dates = () => (navigator.language.startsWith(language) ? navigator.language : locale());
export const currentLanguage = () => language;

/** @param {"en"|"zh"} next */
export function useLanguage(next) {
  language = next;
  localStorage.setItem(KEPT, next);
}

/** @param {keyof typeof WORDS.en} key @param {Record<string, string|number>} [values] */
export function say(key, values = {}) {
  const text = WORDS[language][key] ?? WORDS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

/** The registered name or description of a command in the page's language, if it has one. */
export function localised(thing, field) {
  return thing[`${field}_localizations`]?.[locale()] ?? thing[field] ?? "";
}

const sameDay = (a, b) => a.toDateString() === b.toDateString();

export function clock(date) {
  return date.toLocaleTimeString(dates(), { hour: "numeric", minute: "2-digit" });
}

export function day(date) {
  const now = new Date();
  if (sameDay(date, now)) return say("today");
  if (sameDay(date, new Date(now - 86400000))) return say("yesterday");
  return date.toLocaleDateString(dates(), { year: "numeric", month: "long", day: "numeric" });
}

export function moment(date) {
  return sameDay(date, new Date()) ? clock(date) : `${day(date)} ${clock(date)}`;
}
