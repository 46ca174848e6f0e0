/** Reading what a picture says of how it was painted: PNG's text, JPEG's and WEBP's EXIF. */

const PNG = [137, 80, 78, 71, 13, 10, 26, 10];

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const latin = (bytes) => String.fromCharCode(...bytes);
const utf8 = (bytes) => new TextDecoder().decode(bytes);

/** An iTXt chunk: keyword, compressed?, method, language, translated keyword, text. */
async function international(data, end) {
  const compressed = data[end + 1] === 1;
  const language = data.indexOf(0, end + 3);
  const start = data.indexOf(0, language + 1) + 1;
  const body = data.subarray(start);
  return utf8(compressed ? await inflate(body) : body);
}

/** A PNG's text of a keyword. */
async function textOf(bytes, view, keyword) {
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = latin(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    const end = data.indexOf(0);
    at += 12 + length;
    if (latin(data.subarray(0, Math.max(end, 0))) !== keyword) continue;
    if (type === "tEXt") return latin(data.subarray(end + 1));
    if (type === "zTXt") return latin(await inflate(data.subarray(end + 2)));
    if (type === "iTXt") return international(data, end);
  }
  return null;
}

/** Where a JPEG's or a WEBP's EXIF begins: the header of its TIFF. */
function exifOf(bytes, view) {
  const is = (at, text) => latin(bytes.subarray(at, at + text.length)) === text;
  const start = (at) => (is(at, "Exif\0\0") ? at + 6 : at);
  if (is(0, "RIFF") && is(8, "WEBP"))
    for (let at = 12; at + 8 <= bytes.length; at += 8 + ((view.getUint32(at + 4, true) + 1) & ~1))
      if (is(at, "EXIF")) return start(at + 8);
  if (is(0, "\xff\xd8"))
    for (let at = 2; bytes[at] === 0xff && bytes[at + 1] !== 0xda; at += 2 + view.getUint16(at + 2))
      if (is(at, "\xff\xe1") && is(at + 4, "Exif")) return start(at + 4);
  return null;
}

/** EXIF's UserComment (https://www.cipa.jp/std/documents/e/DC-X008-Translation-2023-E.pdf). */
function commentOf(bytes, view, header) {
  const little = latin(bytes.subarray(header, header + 2)) === "II";
  const short = (at) => view.getUint16(at, little);
  const long = (at) => view.getUint32(at, little);
  const entry = (folder, tag) => {
    for (let n = 0; n < short(folder); n++)
      if (short(folder + 2 + 12 * n) === tag) return folder + 2 + 12 * n;
    return null;
  };
  const exif = entry(header + long(header + 4), 0x8769);
  const comment = exif && entry(header + long(exif + 8), 0x9286);
  if (!comment) return null;
  const at = header + long(comment + 8);
  const text = bytes.subarray(at + 8, at + long(comment + 4));
  // why: painting tools write these in this order whatever the order of the rest
  if (latin(bytes.subarray(at, at + 7)) === "UNICODE")
    return new TextDecoder("utf-16be").decode(text);
  return utf8(text);
}

/** @param {ArrayBuffer} buffer a file @returns {Promise<string|null>} null if it says nothing */
export async function parametersOf(buffer) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  try {
    if (PNG.every((value, index) => bytes[index] === value))
      return await textOf(bytes, view, "parameters");
    const header = exifOf(bytes, view);
    return header === null ? null : commentOf(bytes, view, header);
  } catch {
    return null; // a broken file
  }
}
