/** Reading what a PNG says of itself: the text chunks in which painting tools keep parameters. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

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

/** @param {ArrayBuffer} buffer @returns {Promise<Record<string, string>>} */
export async function textChunks(buffer) {
  const bytes = new Uint8Array(buffer);
  const out = {};
  if (!SIGNATURE.every((value, index) => bytes[index] === value)) return out;
  const view = new DataView(buffer);
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = latin(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, at + 8 + length);
    const end = data.indexOf(0);
    if (type === "IEND") break;
    if (type === "tEXt") out[latin(data.subarray(0, end))] = latin(data.subarray(end + 1));
    if (type === "zTXt")
      out[latin(data.subarray(0, end))] = latin(await inflate(data.subarray(end + 2)));
    if (type === "iTXt") out[latin(data.subarray(0, end))] = await international(data, end);
    at += 12 + length;
  }
  return out;
}
