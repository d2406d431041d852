/** The data that the page carries: gzip in base64, each in a script element of its own. */

/** The bytes of a piece of data; its text is forgotten, to save memory. */
export async function readAsset(name: string): Promise<ArrayBuffer> {
  const element = document.getElementById(`data-${name}`);
  try {
    const packed = fromBase64(element!.textContent);
    element!.remove();
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return await new Response(unpacked).arrayBuffer();
  } catch (error) {
    const message = `This page is damaged, in its part ${name}: copy it again, or make it again.`;
    throw new Error(message, { cause: error });
  }
}

export function fromBase64(text: string): ArrayBuffer {
  // Much faster than atob, where the browser has it.
  const builtIn = Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array };
  if (builtIn.fromBase64) return builtIn.fromBase64(text).buffer as ArrayBuffer;
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes.buffer;
}

/** Files that are put together from pieces, some of which they share. */
export class Files {
  private readonly pieces = new Map<number, Promise<ArrayBuffer>>();

  constructor(private readonly parts: Partial<Record<string, number[]>>) {}

  has(name: string): boolean {
    return name in this.parts;
  }

  async read(name: string): Promise<ArrayBuffer> {
    const pieces = await Promise.all((this.parts[name] ?? []).map((i) => this.piece(i)));
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
    let position = 0;
    for (const piece of pieces) {
      bytes.set(new Uint8Array(piece), position);
      position += piece.byteLength;
    }
    return bytes.buffer;
  }

  private piece(index: number): Promise<ArrayBuffer> {
    let piece = this.pieces.get(index);
    if (!piece) {
      piece = readAsset(`piece-${index}`);
      this.pieces.set(index, piece);
    }
    return piece;
  }
}
