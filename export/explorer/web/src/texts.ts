/** Texts of tokens: what zoo/vocabulary.py does. */

import type { Made, Texts } from "./description";

/** What stands for a text of no tokens. */
export const NO_TEXT = "(nothing)";

/** Token 0 ends a text. */
const END = 0;
/** What Python takes for white space around a text. */
const AROUND = /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+|[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/g;

/** The text of a row of tokens; their numbers where there is no vocabulary. */
export function toText(row: Made, { vocabulary }: Texts): string {
  const end = row.indexOf(END);
  const tokens = Array.from(end < 0 ? row : row.subarray(0, end));
  if (!vocabulary) return tokens.join(" ");
  const words = tokens.map((token) => vocabulary.tokens[token]);
  return (vocabulary.kind === "words" ? words.join(" ") : fromBytes(words)).replace(AROUND, "");
}

/** Of pieces of UTF-8, in which each byte is the character of its number. */
function fromBytes(pieces: string[]): string {
  const bytes = Uint8Array.from(pieces.join(""), (character) => character.charCodeAt(0));
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** The texts of rows of tokens. */
export function toTexts(rows: Made, texts: Texts): string[] {
  const count = rows.length / texts.length;
  return Array.from({ length: count }, (_, i) => {
    return toText(rows.subarray(i * texts.length, (i + 1) * texts.length), texts);
  });
}
