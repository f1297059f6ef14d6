/**
 * The computation of an architecture for new positions over a cache, as instructions for the native decoder.
 *
 * Values live in slots: matrices of one row for each new position. Weights are named; where they lie is looked up at run
 * time. A new architecture writes such a list and has quick decoding, without native code of its own.
 *
 * Letters: d hidden size, V vocabulary, h head size, r rotated entries of a head.
 */

/** One instruction. `from` and `to` are slots; the last instruction is a norm that writes the `result`. */
export type DecodeInstruction =
  | { readonly op: "embed"; readonly to: string; readonly table: string }
  | {
      readonly op: "layerNorm"
      readonly from: string
      readonly to: string
      readonly scale: string
      readonly shift?: string
      readonly eps: number
    }
  | { readonly op: "rmsNorm"; readonly from: string; readonly to: string; readonly scale: string; readonly eps: number }
  | {
      readonly op: "linear"
      readonly from: string
      readonly to: string
      readonly weight: string
      readonly bias?: string | undefined
      /** Rows of the weight: columns written. */
      readonly outputs: number
      /** First column written; 0 if left out. */
      readonly column?: number
      /** Applied to the product and bias. */
      readonly activation?: "gelu"
      /** Added to what the slot holds, instead of replacing it: a residual connection. */
      readonly add?: boolean
    }
  | {
      /** silu(from gate^T + gateBias) * (from up^T + upBias). */
      readonly op: "siluGate"
      readonly from: string
      readonly to: string
      readonly gate: string
      readonly up: string
      readonly gateBias?: string | undefined
      readonly upBias?: string | undefined
      readonly outputs: number
    }
  | {
      /** From packed projections to the contexts of all heads; rotates, and appends to the cache of this layer. */
      readonly op: "attend"
      readonly from: string
      readonly to: string
      readonly layer: number
    }

/** An architecture's step, its sizes fixed. */
export interface DecodeProgram {
  readonly hiddenSize: number
  readonly vocabularySize: number
  readonly layers: number
  readonly maxLength: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
  /** "kinds": all queries, all keys, all values; "heads": query, key and value of a head side by side. */
  readonly order: "kinds" | "heads"
  /** r, even. */
  readonly rotated: number
  /**
   * Cosines and sines of the first `rows` positions, [rows, r / 2] each, times h^-1/4: queries and keys both carry the
   * factor, so that scores have their 1 / sqrt(h).
   */
  readonly rotary: (rows: number) => { readonly cos: Float32Array; readonly sin: Float32Array }
  /** Columns of each slot. */
  readonly slots: Readonly<Record<string, number>>
  readonly instructions: ReadonlyArray<DecodeInstruction>
}

/** Where the last instruction writes. */
export const result = "result"

const opCodes = { embed: 0, layerNorm: 1, rmsNorm: 2, linear: 3, siluGate: 4, attend: 5 } as const
const orderCodes = { kinds: 0, heads: 1 } as const
const flags = { gelu: 1, add: 2 } as const

/** A program as the decoder takes it, and the names of the parameters in the order of their addresses. */
export interface EncodedProgram {
  readonly words: Float64Array
  readonly parameters: ReadonlyArray<string>
  /** The names among them that are weights of products. */
  readonly weights: ReadonlySet<string>
}

/** Encodes a program. @error for a slot that it does not have, or an end that is not a norm into the result */
export const encodeProgram = (program: DecodeProgram): EncodedProgram => {
  const slots = Object.keys(program.slots)
  const parameters: Array<string> = []
  const weights = new Set(
    program.instructions.flatMap((i) => (i.op === "linear" ? [i.weight] : i.op === "siluGate" ? [i.gate, i.up] : [])),
  )
  const slot = (name: string) => {
    const at = slots.indexOf(name)
    if (at < 0) throw new Error(`decode program: no slot ${name}; there are ${slots.join(", ")}`)
    return at
  }
  const parameter = (name: string | undefined) => {
    if (name === undefined) return -1
    if (!parameters.includes(name)) parameters.push(name)
    return parameters.indexOf(name)
  }
  const encode = (i: DecodeInstruction): ReadonlyArray<number> => {
    const to = i.to === result ? -1 : slot(i.to)
    const line = (from: number, p: ReadonlyArray<number>, rest: ReadonlyArray<number> = [0, 0, 0, 0, 0]) => [
      opCodes[i.op],
      from,
      to,
      ...[0, 1, 2, 3].map((at) => p[at] ?? -1),
      ...rest, // outputs, flags, column, eps, layer
    ]
    switch (i.op) {
      case "embed":
        return line(-1, [parameter(i.table)])
      case "layerNorm":
        return line(slot(i.from), [parameter(i.scale), parameter(i.shift)], [0, 0, 0, i.eps, 0])
      case "rmsNorm":
        return line(slot(i.from), [parameter(i.scale)], [0, 0, 0, i.eps, 0])
      case "linear": {
        const set = (i.activation === "gelu" ? flags.gelu : 0) | (i.add ? flags.add : 0)
        return line(slot(i.from), [parameter(i.weight), parameter(i.bias)], [i.outputs, set, i.column ?? 0, 0, 0])
      }
      case "siluGate":
        return line(
          slot(i.from),
          [parameter(i.gate), parameter(i.up), parameter(i.gateBias), parameter(i.upBias)],
          [i.outputs, 0, 0, 0, 0],
        )
      case "attend":
        return line(slot(i.from), [], [0, 0, 0, 0, i.layer])
    }
  }
  const wrong = program.instructions.find(
    (i, n) =>
      (i.to === result) !== (n === program.instructions.length - 1) ||
      (i.to === result && i.op !== "layerNorm" && i.op !== "rmsNorm"),
  )
  if (wrong !== undefined || program.instructions.length === 0)
    throw new Error(
      `decode program: expected a norm into the ${result} as the last instruction and nowhere else, found ${wrong?.op ?? "none"}`,
    )
  const words = [
    program.hiddenSize,
    program.vocabularySize,
    program.layers,
    program.heads,
    program.kvHeads,
    program.headSize,
    orderCodes[program.order],
    program.rotated,
    program.headSize ** -0.25,
    slots.length,
    program.instructions.length,
    ...slots.map((name) => program.slots[name]!),
    ...program.instructions.flatMap(encode),
  ]
  return { words: Float64Array.from(words), parameters, weights }
}
