/**
 * The laws that every model keeps, and those of decoders.
 *
 * Letters: B sequences, T positions, d hidden size, V vocabulary.
 */
import { type Decoder, type Decoding, type Encoder, headRowsOf, isDecoder } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { checkGradients } from "./check-model-gradients.ts"
import { type Law, lawsOf } from "./law.ts"
import { draw, ids } from "./model-tokens.ts"

/** Checks of a model beyond the laws that need only the model. */
export interface ModelChecks {
  /** Writes a model and reads it back; the laws then require the same parameters, bit by bit. */
  readonly roundTrip?: (model: Encoder) => Promise<Encoder>
}

/** Positions of the laws' sequences; a model must allow as many. */
const T = 12
/** Largest difference of float32 sums in another order, relative to the largest hidden value. */
const TOLERANCE = 1e-5

/** Hidden states of rows of tokens, as numbers. */
const run = (model: Encoder, rows: ReadonlyArray<ReadonlyArray<number>>): Float32Array =>
  tf.tidy(() => model.hidden(ids(rows)).dataSync() as Float32Array)

const extend = (
  decoding: Decoding,
  rows: ReadonlyArray<ReadonlyArray<number>>,
  parents?: ReadonlyArray<number>,
): Float32Array =>
  tf.tidy(() => decoding.extend(ids(rows), parents && Int32Array.from(parents)).dataSync() as Float32Array)

/** Largest difference relative to the largest expected value; infinite if lengths differ or a value is not finite. */
const distance = (actual: Float32Array, expected: Float32Array): number => {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY
  let [apart, size] = [0, 1e-6]
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!)
    if (!Number.isFinite(difference)) return Number.POSITIVE_INFINITY
    apart = Math.max(apart, difference)
    size = Math.max(size, Math.abs(expected[i]!))
  }
  return apart / size
}

const close = (law: Law, name: string, actual: Float32Array, expected: Float32Array, on: string) => {
  const apart = distance(actual, expected)
  law(
    name,
    apart <= TOLERANCE,
    () => `${on}: hidden states differ by ${apart} of the largest, at most ${TOLERANCE} may`,
  )
}

/**
 * Checks a model against all laws.
 *
 * The laws: parameters have the declared names and shapes, and the same seed gives the same; a token changes no hidden
 * state before it, or each one with bidirectional attention; a sequence has the same hidden states alone, in a batch,
 * packed into one row with others and behind left padding; any way to split a sequence over a cache, with positions
 * rolled back and decoded again, equals the run without a cache, and so does each path of a tree; every parameter has a finite gradient that agrees with
 * finite differences; nothing leaks.
 *
 * @param make makes from a seed a model that allows 12 positions or more; weights of a standard deviation near 0.3 make
 * the differences visible
 * @error LawBroken names the law and the case
 */
export const checkModel = async (make: (seed: number) => Encoder, checks: ModelChecks = {}): Promise<void> => {
  const before = tf.memory().numTensors
  const model = make(1)
  const law = lawsOf(`model ${model.architecture.type}`)
  checkParameters(law, model, make)
  checkAttention(law, model)
  checkBatch(law, model)
  checkPacking(law, model)
  checkMaxLength(law, model)
  const decodes = model.architecture.attends === "before"
  law(
    "decoding",
    isDecoder(model) === decodes,
    () => `it ${decodes ? "cannot decode" : "decodes, and attends both ways"}`,
  )
  if (isDecoder(model)) {
    checkCache(law, model)
    checkTree(law, model)
    checkPadding(law, model)
    checkLimits(law, model)
  }
  checkGradients(law, model)
  if (checks.roundTrip !== undefined) await checkRoundTrip(law, model, checks.roundTrip)
  model.dispose()
  const left = tf.memory().numTensors - before
  law("no leak", left === 0, () => `${left} tensors are left after the model and its decoding states were disposed of`)
}

const checkParameters = (law: Law, model: Encoder, make: (seed: number) => Encoder) => {
  const { parameters: declared, head, hiddenSize } = model.architecture
  const rows = headRowsOf(model.architecture)
  const [has, wants] = [[...model.parameters.keys()].sort(), [...declared.keys()].sort()]
  law("names", has.join() === wants.join(), () => `has parameters ${has}, its architecture declares ${wants}`)
  for (const [name, { shape }] of declared) {
    const actualShape = model.parameters.get(name)!.shape
    law("shapes", actualShape.join() === shape.join(), () => `${name} is [${actualShape}], declared [${shape}]`)
  }
  law("head", model.head_Vd === model.parameters.get(head), () => `head_Vd is not the parameter ${head}`)
  const headShape = `${model.head_Vd.shape}`
  law(
    "head",
    headShape === `${rows},${hiddenSize}`,
    () => `the head is [${headShape}], expected [${rows},${hiddenSize}]`,
  )
  const [again, other] = [make(1), make(2)]
  const same = (a: Encoder) =>
    [...declared.keys()].every(
      (name) => distance(a.parameters.get(name)!.dataSync() as Float32Array, values(model, name)) === 0,
    )
  law("seed", same(again), () => "two models of one seed have different parameters")
  law("seed", !same(other), () => "models of seeds 1 and 2 have the same parameters")
  again.dispose()
  other.dispose()
}

const values = (model: Encoder, name: string) => model.parameters.get(name)!.dataSync() as Float32Array

const checkAttention = (law: Law, model: Encoder) => {
  const d = model.architecture.hiddenSize
  const row = draw(model, T, 1)
  const base = run(model, [row])
  law(
    "shape",
    base.length === T * d,
    () => `hidden states of ${T} tokens have ${base.length} values, expected ${T * d}`,
  )
  for (const t of [1, 5, T - 1]) {
    const changed = row.map((id, i) => (i === t ? (id + 1) % model.architecture.vocabularySize : id))
    const actual = run(model, [changed])
    const before = [actual, base].map((h) => h.subarray(0, t * d)) as [Float32Array, Float32Array]
    if (model.architecture.attends === "before")
      close(law, "causality", ...before, `token ${t} changed, positions before it`)
    else
      for (let s = 0; s < t; s++) {
        const [h, of] = [actual, base].map((h) => h.subarray(s * d, (s + 1) * d)) as [Float32Array, Float32Array]
        law("both ways", distance(h, of) > 1e-6, () => `token ${t} changed and the hidden state of token ${s} did not`)
      }
    const moved = distance(actual.subarray(t * d), base.subarray(t * d))
    law("reads its input", moved > 1e-4, () => `token ${t} changed and no hidden state from ${t} on did (${moved})`)
  }
}

const checkBatch = (law: Law, model: Encoder) => {
  const d = model.architecture.hiddenSize
  const rows = [draw(model, T, 1), draw(model, T, 2), draw(model, T, 3)]
  const together = run(model, rows)
  for (const [b, row] of rows.entries())
    close(law, "batch", together.subarray(b * T * d, (b + 1) * T * d), run(model, [row]), `sequence ${b} of 3`)
}

/** Several sequences in one row, with padding after them. */
const checkPacking = (law: Law, model: Encoder) => {
  const d = model.architecture.hiddenSize
  const parts = [draw(model, 6, 1), draw(model, 1, 2), draw(model, 3, 3)]
  const row = new Int32Array(T)
  const start = Int32Array.from({ length: T }, (_, t) => t + 1)
  let from = 0
  const begins = parts.map((part) => {
    row.set(part, from)
    start.fill(from, from, from + part.length)
    from += part.length
    return from - part.length
  })
  const actual = tf.tidy(() => model.hidden(tf.tensor2d(row, [1, T], "int32"), start).dataSync() as Float32Array)
  for (const [i, part] of parts.entries()) {
    const rows = actual.subarray(begins[i]! * d, (begins[i]! + part.length) * d)
    close(law, "packing", rows, run(model, [part]), `sequence ${i} of 3 in one row`)
  }
}

/** Sequences of several lengths in one batch, with padding on their left. */
const checkPadding = (law: Law, model: Decoder) => {
  const d = model.architecture.hiddenSize
  const rows = [draw(model, T, 1), draw(model, T, 2), draw(model, T, 3)]
  // The rest token by token, twice: a repeated step may take another path than a new one.
  const pads = [0, 2, 5]
  const first = 6
  const decoding = model.decoding(Int32Array.from(pads))
  const padded = rows.map((row, b) => [...Array.from({ length: pads[b]! }, () => 0), ...row.slice(0, T - pads[b]!)])
  const actual = rows.map(() => new Float32Array(T * d))
  const keep = (h: Float32Array, at: number, size: number) => {
    for (const [b, row] of actual.entries()) row.set(h.subarray(b * size * d, (b + 1) * size * d), at * d)
  }
  const columns = (from: number, to: number) => padded.map((row) => row.slice(from, to))
  keep(extend(decoding, columns(0, first)), 0, first)
  for (const round of ["", ", again after a roll-back"]) {
    decoding.rollback(first)
    for (let t = first; t < T; t++) keep(extend(decoding, columns(t, t + 1)), t, 1)
    for (const [b, row] of rows.entries())
      close(
        law,
        "padding",
        actual[b]!.subarray(pads[b]! * d),
        run(model, [row.slice(0, T - pads[b]!)]),
        `sequence ${b} with ${pads[b]} positions of left padding${round}`,
      )
  }
  decoding.dispose()
}

/** Accept all, reject the first, reject the last, token by token, and back to nothing; a batch of 1 and of 2. */
const checkCache = (law: Law, model: Decoder) => {
  const d = model.architecture.hiddenSize
  const cases: ReadonlyArray<{ readonly blocks: ReadonlyArray<number>; readonly keep: ReadonlyArray<number> }> = [
    { blocks: [T], keep: [T] },
    { blocks: [4, 4, 4], keep: [4, 4, 4] },
    { blocks: Array.from({ length: T }, () => 1), keep: Array.from({ length: T }, () => 1) },
    { blocks: [3, 4, 4, 4, 1], keep: [3, 0, 3, 4, 1] },
    { blocks: [5, 1, 1, 6, 2], keep: [0, 1, 0, 5, 2] },
  ]
  for (const B of [1, 2])
    for (const { blocks, keep } of cases) {
      const on = `blocks of ${blocks}, of which ${keep} were kept, ${B} sequences`
      const decoding = model.decoding()
      let kept: ReadonlyArray<ReadonlyArray<number>> = Array.from({ length: B }, () => [])
      for (const [i, size] of blocks.entries()) {
        const block = kept.map((_, b) => draw(model, size, 100 * i + b))
        const actual = extend(decoding, block)
        const whole = kept.map((row, b) => [...row, ...block[b]!])
        const length = whole[0]!.length
        law("length", decoding.length === length, () => `${on}: length is ${decoding.length}, expected ${length}`)
        const expected = run(model, whole)
        for (let b = 0; b < B; b++)
          close(
            law,
            "cache",
            actual.subarray(b * size * d, (b + 1) * size * d),
            expected.subarray(((b + 1) * length - size) * d, (b + 1) * length * d),
            `${on}, block ${i}`,
          )
        kept = whole.map((row) => row.slice(0, length - size + keep[i]!))
        decoding.rollback(kept[0]!.length)
      }
      decoding.dispose()
    }
}

/** Nodes behind a text, in one call and level by level: each reads its own path; a path that is kept is text. */
const checkTree = (law: Law, model: Decoder) => {
  const d = model.architecture.hiddenSize
  const parents = [-1, -1, -1, 0, 0, 2, 3, 3, 5, 8]
  const pathOf = (node: number): ReadonlyArray<number> => (node < 0 ? [] : [...pathOf(parents[node]!), node])
  const [text, nodes] = [draw(model, 5, 1), draw(model, parents.length, 2)]
  const along = (path: ReadonlyArray<number>) => [...text, ...path.map((node) => nodes[node]!)]
  const last = (h: Float32Array, rows: number) => h.subarray(h.length - rows * d)
  const rows = nodes.map((_, node) => last(run(model, [along(pathOf(node))]), 1))
  for (const levels of [[10], [3, 3, 4], [1, 9]])
    for (const kept of [[], [1], [2, 5, 8, 9], [0, 3, 7]]) {
      const on = `a tree in calls of ${levels} nodes, of which the path ${kept} was kept`
      const decoding = model.decoding()
      extend(decoding, [text.slice(0, 3)])
      let from = 0
      const found: Array<number> = []
      for (const size of levels) {
        const level = nodes.slice(from, from + size)
        const h = extend(
          decoding,
          [from === 0 ? [...text.slice(3), ...level] : level],
          parents.slice(from, from + size),
        )
        found.push(...last(h, size))
        from += size
      }
      for (const [node, row] of rows.entries())
        close(law, "tree", Float32Array.from(found.slice(node * d, (node + 1) * d)), row, `${on}: node ${node}`)
      for (const [what, act] of [
        ["text behind the tree", () => extend(decoding, [[0]])],
        ["a node that follows itself", () => extend(decoding, [[0]], [nodes.length])],
        ["the path 0 2 of nodes that do not follow each other", () => decoding.rollback(5, Int32Array.of(0, 2))],
        ["a length within the tree", () => decoding.rollback(7)],
        ["a path behind another text", () => decoding.rollback(4, Int32Array.of(0))],
      ] as const)
        law("tree", refuses(act), () => `${on}: it took ${what}`)
      decoding.rollback(5, Int32Array.from(kept))
      law("length", decoding.length === 5 + kept.length, () => `${on}: length is ${decoding.length}`)
      const next = draw(model, 2, 3)
      const expected = last(run(model, [[...along(kept), ...next]]), 2)
      close(law, "tree", extend(decoding, [next]), expected, `${on}: two tokens behind it`)
      law(
        "tree",
        refuses(() => decoding.rollback(5, Int32Array.of(0))),
        () => `${on}: it kept a path without a tree`,
      )
      decoding.dispose()
    }
}

const refuses = (act: () => unknown): boolean => {
  try {
    act()
    return false
  } catch {
    return true
  }
}

const checkLimits = (law: Law, model: Decoder) => {
  const decoding = model.decoding()
  extend(decoding, [draw(model, 2, 1)])
  for (const length of [-1, 3, 0.5])
    law(
      "rollback",
      refuses(() => decoding.rollback(length)),
      () => `rolled back from 2 positions to ${length}`,
    )
  const two = [draw(model, 1, 1), draw(model, 1, 2)]
  law(
    "batch",
    refuses(() => extend(decoding, two)),
    () => "a cache of one sequence was extended by two",
  )
  law("length", decoding.length === 2, () => `after refusals the cache holds ${decoding.length} positions, expected 2`)
  decoding.dispose()
}

const checkMaxLength = (law: Law, model: Encoder) => {
  const { maxLength } = model.architecture
  law(
    "length",
    refuses(() => run(model, [draw(model, maxLength + 1, 1)])),
    () => `took more than ${maxLength} positions`,
  )
}

/** -mean log softmax of the next token's logits, so that head and trunk both have gradients. */
const checkRoundTrip = async (law: Law, model: Encoder, roundTrip: (model: Encoder) => Promise<Encoder>) => {
  const read = await roundTrip(model)
  const [has, wants] = [[...read.parameters.keys()].sort(), [...model.parameters.keys()].sort()]
  law("round trip", has.join() === wants.join(), () => `read back parameters ${has}, wrote ${wants}`)
  for (const name of wants)
    law(
      "round trip",
      distance(values(read, name), values(model, name)) === 0,
      () => `${name} was read back with other values or another shape`,
    )
  const row = [draw(model, T, 9)]
  law(
    "round trip",
    distance(run(read, row), run(model, row)) === 0,
    () => "the model read back computes something else",
  )
  read.dispose()
}
