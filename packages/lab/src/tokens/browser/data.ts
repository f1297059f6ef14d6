/** The page's data with its arrays unpacked. N tokens of a set, k entries a place. */
import type {
  ArmOnSet,
  Reading as PackedReading,
  Snapshot as PackedSnapshot,
  Piece,
  TextSet,
  TokensDocument,
} from "../document.ts"

const bytesOf = (base64: string): ArrayBuffer => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer
const floats = (base64: string) => new Float32Array(bytesOf(base64))
const uints = (base64: string) => new Uint32Array(bytesOf(base64))
const bytes = (base64: string) => new Uint8Array(bytesOf(base64))
const orNull = <A>(base64: string | null, read: (base64: string) => A): A | null =>
  base64 === null ? null : read(base64)

/** A model's answers. */
export interface Reading {
  readonly nll: Float32Array
  readonly k: number
  readonly ids: Uint32Array
  readonly probabilities: Float32Array
}

/** An arm after some steps. */
export interface Snapshot {
  readonly step: number
  readonly kept: Uint8Array | null
  readonly score: Float32Array | null
  readonly statistics: ReadonlyMap<string, Float32Array>
  readonly draft: Reading | null
  readonly acceptance: Float32Array | null
  readonly note: string | null
}

/** A block of speculative decoding: the place of its first token, and the proposed ids. */
export interface Block {
  readonly from: number
  readonly proposed: ReadonlyArray<number>
}

/** An arm on a set of texts. */
export interface Arm {
  readonly name: string
  readonly filter: string
  readonly steps: number
  readonly batchSize: number
  readonly decoding: {
    readonly gamma: number
    readonly role: Uint8Array
    readonly rejected: Uint32Array
    readonly blocks: ReadonlyArray<Block>
  } | null
  readonly reference: Float32Array | null
  readonly snapshots: ReadonlyArray<Snapshot>
}

/** A set of texts. */
export interface Texts {
  readonly title: string
  readonly note: string
  readonly N: number
  /** The first token of each text, and N. */
  readonly starts: ReadonlyArray<number>
  readonly prompts: ReadonlyArray<Uint32Array>
  readonly tokens: Uint32Array
  readonly target: Reading | null
  readonly arms: ReadonlyArray<Arm>
}

/** The page. */
export interface Page {
  readonly seed: number
  /** The arm that the run is about; null for none. */
  readonly about: string | null
  readonly meanings: ReadonlyMap<string, string>
  readonly pieceOf: (id: number) => Piece
  readonly sets: ReadonlyArray<Texts>
}

const readingOf = (of: PackedReading): Reading => ({
  nll: floats(of.nll),
  k: of.k,
  ids: uints(of.ids),
  probabilities: floats(of.probabilities),
})

const snapshotOf = (of: PackedSnapshot): Snapshot => ({
  step: of.step,
  kept: orNull(of.kept, bytes),
  score: orNull(of.score, floats),
  statistics: new Map(Object.entries(of.statistics).map(([name, value]) => [name, floats(value)])),
  draft: of.draft && readingOf(of.draft),
  acceptance: orNull(of.acceptance, floats),
  note: of.note,
})

const blocksOf = (flat: Uint32Array): ReadonlyArray<Block> => {
  const blocks: Array<Block> = []
  for (let at = 0; at < flat.length; at += 2 + flat[at + 1]!)
    blocks.push({ from: flat[at]!, proposed: Array.from(flat.subarray(at + 2, at + 2 + flat[at + 1]!)) })
  return blocks
}

const armOf = (of: ArmOnSet & { readonly name: string; readonly filter: string }): Arm => ({
  name: of.name,
  filter: of.filter,
  steps: of.steps,
  batchSize: of.batchSize,
  decoding: of.decoding && {
    gamma: of.decoding.gamma,
    role: bytes(of.decoding.role),
    rejected: uints(of.decoding.rejected),
    blocks: blocksOf(uints(of.decoding.blocks)),
  },
  reference: orNull(of.reference, floats),
  snapshots: of.snapshots.map(snapshotOf),
})

/** The reference's losses, where all arms that have one have the same: arms without one are drawn against it as well. */
const sharedReference = ({ arms }: TextSet): string | null => {
  const all = new Set(arms.flatMap(({ reference }) => reference ?? []))
  return all.size === 1 ? [...all][0]! : null
}

const textsOf = (of: TextSet): Texts => {
  const starts = [0]
  for (const length of of.lengths) starts.push(starts.at(-1)! + length)
  return {
    title: of.title,
    note: of.note,
    N: starts.at(-1)!,
    starts,
    prompts: of.prompts.map(uints),
    tokens: uints(of.tokens),
    target: of.target && readingOf(of.target),
    arms: of.arms.map((arm) => armOf({ ...arm, reference: arm.reference ?? sharedReference(of) })),
  }
}

/** Unpacks a document. */
export const pageOf = (document: TokensDocument): Page => {
  const pieces = new Map(Array.from(uints(document.pieces.ids), (id, i) => [id, document.pieces.texts[i]!]))
  return {
    seed: document.seed,
    about: document.about,
    meanings: new Map(Object.entries(document.meanings)),
    pieceOf: (id) => pieces.get(id) ?? `<id ${id}>`,
    sets: document.sets.map(textsOf),
  }
}

/** The text of a token n of a set. */
export const textOf = ({ starts }: Texts, n: number): number => {
  let [low, high] = [0, starts.length - 1]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (starts[middle]! <= n) low = middle
    else high = middle
  }
  return low
}

/** The moments of the training that a set has, as parts of the steps: 0 before the first, 1 after the last. */
export const momentsOf = ({ arms }: Texts): ReadonlyArray<number> =>
  [
    ...new Set(
      arms.flatMap(({ steps, snapshots }) =>
        snapshots.map(({ step }) => (steps === 0 ? 0 : Math.round((100 * step) / steps) / 100)),
      ),
    ),
  ].toSorted((a, b) => a - b)

/** The snapshot of an arm that is nearest to a moment. */
export const snapshotAt = ({ steps, snapshots }: Arm, moment: number): Snapshot =>
  snapshots.reduce((best, one) =>
    Math.abs(one.step - moment * steps) < Math.abs(best.step - moment * steps) ? one : best,
  )
