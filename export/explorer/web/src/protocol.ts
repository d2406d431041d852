/** What page and worker say to each other. */

export interface Tensor {
  data: Float32Array | Int32Array | BigInt64Array;
  dims: readonly number[];
}

export type Tensors = Record<string, Tensor>;

export type Request =
  | { id: number; kind: "start"; runtime: ArrayBuffer }
  | { id: number; kind: "load"; file: string; bytes: ArrayBuffer }
  | { id: number; kind: "run"; file: string; inputs: Tensors };

export type Reply = { id: number; outputs: Tensors } | { id: number; error: string };
