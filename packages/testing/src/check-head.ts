/**
 * The laws that every head keeps.
 *
 * Letters: B sequences, T positions, N valid rows of a problem, M rows of an entry, V vocabulary, D hidden size of the target.
 */
import {
  type DraftRows,
  goldOfEntry,
  type HeadInstance,
  type HeadUse,
  PluginFault,
  type Problem,
  packedRows,
  rowLogits,
  type Seen,
} from "@winnow/core"
import { normals, seeded } from "@winnow/numerics"
import { rmsNorm, tf } from "@winnow/tensor"
import { instanceOf } from "./instance.ts"
import { type Law, lawsOf } from "./law.ts"

const [V, D] = [11, 6]

/** The target of the laws. Its states between layers are those that a case has, turned and scaled by the layer. */
const target = {
  ...{ hiddenSize: D, streamSize: D, vocabularySize: V, layers: 6, maxLength: 64 },
  attentionHeads: { heads: 1, kvHeads: 1, headSize: D },
  finalNorm: {
    parameters: ["norm"],
    apply: ({ get }: { readonly get: (name: string) => unknown }, x_Nd: tf.Tensor2D) =>
      rmsNorm(x_Nd, (get("norm") as tf.Tensor1D | undefined) ?? tf.tensor1d(scale_D), 1e-5),
  },
}
const table_VD = normals(V * D, 1, seeded(4, "embedding"))
const head_VD = normals(V * D, 0.4, seeded(5, "head"))
const scale_D = normals(D, 1, seeded(6, "norm"))

/** Sequences with prompts; the shorter ones are padded, and one has a single token to predict. */
const sequences = [
  { length: 9, prompt: 4 },
  { length: 5, prompt: 1 },
  { length: 7, prompt: 6 },
] as const

interface Case {
  readonly problem: Problem
  readonly hidden_BTD: Float32Array
}

/** A next-token problem on random tokens and hidden states. */
const randomCase = (): Case => {
  const rng = seeded(1, "check head")
  const [B, T] = [sequences.length, Math.max(...sequences.map(({ length }) => length)) - 1]
  const rows = sequences.flatMap(({ length, prompt }, b) =>
    Array.from({ length: length - prompt }, (_, i) => ({ b, position: prompt + i })),
  )
  return {
    problem: {
      ...{ B, T },
      ids_BT: Int32Array.from({ length: B * T }, () => rng.below(V)),
      length_B: Int32Array.from(sequences, ({ length }) => length - 1),
      tokens: sequences.reduce((sum, { length }) => sum + length - 1, 0),
      row_N: Int32Array.from(rows, ({ b, position }) => b * T + position - 1),
      gold_N: Int32Array.from(rows, () => rng.below(V)),
      sequence_N: Int32Array.from(rows, ({ b }) => b),
      position_N: Int32Array.from(rows, ({ position }) => position),
    },
    hidden_BTD: normals(B * T * D, 1, rng),
  }
}

const seenOf = ({ problem: { B, T, ids_BT }, hidden_BTD }: Case, layers: ReadonlyArray<number>): Seen => {
  const targetHidden = tf.tensor3d(hidden_BTD, [B, T, D])
  const between = (layer: number) => tf.mul(tf.reverse(targetHidden, 2), 1 + layer) as tf.Tensor3D
  return {
    ids: tf.tensor2d(ids_BT, [B, T], "int32"),
    targetHidden,
    targetLayers: new Map(layers.map((layer) => [layer, between(layer)])),
    targetEmbedding: tf.tensor2d(table_VD, [V, D]),
    targetHead: tf.tensor2d(head_VD, [V, D]),
    targetNorm: (x_Nd, own) => target.finalNorm.apply({ get: (name) => own?.get(name) }, x_Nd),
    pieceOf: (id) => " aB(.\n3)e_"[id] ?? "",
  }
}

/** A head with random numbers everywhere, so that no gradient is 0 because of the initial values. */
const randomHead = (instance: HeadInstance) => {
  const { parameters: specs, layers = [], entries = 1, rows } = instance.on(target)
  const parameters = new Map(
    Array.from(specs, ([name, { shape }]) => {
      const size = shape.reduce((a, b) => a * b, 1)
      return [name, tf.tidy(() => tf.variable(tf.tensor(normals(size, 0.4, seeded(2, name)), [...shape])))]
    }),
  )
  return { parameters, entries, rows: (of: Case) => rows(parameters, of.problem, seenOf(of, layers)) }
}
type Head = ReturnType<typeof randomHead>

/** The answer of a head as numbers. */
const answerOf = (head: Head, problem: Case) => {
  const entries: Array<{ readonly at_M: ReadonlyArray<number>; readonly d: number; readonly h_Md: Float32Array }> = []
  const N = problem.problem.row_N.length
  tf.tidy(() => {
    for (const { h_Md, at_M } of head.rows(problem))
      entries.push({
        at_M: Array.from(at_M ?? Array.from({ length: N }, (_, n) => n)),
        d: h_Md.shape[1],
        h_Md: h_Md.dataSync().slice() as Float32Array,
      })
  })
  return entries
}

/** A mean of -log softmax at the gold tokens, or classes, and of a loss that the head adds, by TFJS's own ops. */
const lossOf = (head: Head, problem: Case): tf.Scalar => {
  const of = (entry: DraftRows) => {
    const logP_MV = tf.logSoftmax(rowLogits(entry.h_Md, entry))
    const gold_M = tf.tensor1d(goldOfEntry(entry, problem.problem.gold_N), "int32")
    const ofGold = tf.neg(tf.mean(tf.sum(tf.mul(logP_MV, tf.oneHot(gold_M, logP_MV.shape[1]!)), 1)))
    return entry.added_M === undefined ? ofGold : tf.add(ofGold, tf.mean(entry.added_M))
  }
  return tf.addN(head.rows(problem).map(of)) as tf.Scalar
}

/**
 * Checks a head with its options against all laws, on a small problem with prompts and padding.
 *
 * The laws: there are as many entries as the head says, with as many rows as they predict, each of the problem's once,
 * increasing; a row depends on no
 * position after the one whose next token it predicts, nor on another sequence, nor on padding; several sequences in one
 * row give the same answer; the gradient by each parameter equals finite differences; the same input gives the same answer
 * and is not changed; no tensor is left.
 *
 * @error LawBroken names the law and the found value
 */
export const checkHead = async (use: HeadUse): Promise<void> => {
  const law = lawsOf(`head ${use.name}`)
  const before = tf.memory().numTensors
  const head = randomHead(await instanceOf(use))
  const problem = randomCase()
  try {
    const first = answerOf(head, problem)
    law(
      "predicts something",
      first.some(({ at_M }) => at_M.length > 0),
      () => "no entry has a row; expected one or more",
    )
    law(
      "entries",
      first.length === head.entries,
      () => `rows gives ${first.length} entries, and entries says ${head.entries}; costs are counted by it`,
    )
    law("deterministic", Bun.deepEquals(answerOf(head, problem), first), () => "the same input gave another answer")
    checkPast(law, head, problem)
    checkPacked(law, head, problem)
    checkGradients(law, head, problem)
  } catch (cause) {
    if (cause instanceof PluginFault) law(cause.rule, false, () => cause.detail)
    throw cause
  } finally {
    tf.dispose([...head.parameters.values()])
  }
  const left = tf.memory().numTensors - before
  law("no leak", left === 0, () => `${left} tensors are left; rows runs inside the step's tidy, so keep none`)
}

/**
 * Changes the hidden states and the token of each position in turn: rows that predict from earlier positions must not
 * change.
 */
const checkPast = (law: Law, head: Head, given: Case) => {
  const { problem, hidden_BTD } = given
  const { T, ids_BT, row_N, sequence_N } = problem
  const plain = answerOf(head, given)
  for (let at = 0; at < ids_BT.length; at++) {
    const changed = answerOf(head, {
      problem: { ...problem, ids_BT: ids_BT.map((id, i) => (i === at ? (id + 1) % V : id)) },
      hidden_BTD: hidden_BTD.map((x, i) => (Math.floor(i / D) === at ? x + 1 : x)),
    })
    for (const [e, { at_M, d, h_Md }] of plain.entries())
      for (const [m, n] of at_M.entries()) {
        const same = h_Md.subarray(m * d, (m + 1) * d).every((x, i) => x === changed[e]!.h_Md[m * d + i])
        const isPast = Math.floor(at / T) === sequence_N[n] && at <= row_N[n]!
        law(
          "reads its past",
          same || isPast,
          () =>
            `entry ${e}, row ${n} predicts from position ${row_N[n]! % T} of sequence ${sequence_N[n]} and changes with position ` +
            `${at % T} of sequence ${Math.floor(at / T)}; expected earlier positions of its own sequence alone`,
        )
      }
  }
}

/** The same sequences, two in one row: their answer must stay. */
const checkPacked = (law: Law, head: Head, { problem, hidden_BTD }: Case) => {
  // Packing the places of the inputs in the place of their ids shows where each one goes.
  const places = packedRows({ ...problem, ids_BT: problem.ids_BT.map((_, at) => at) }, 0)
  const packed: Case = {
    problem: { ...places, ids_BT: places.ids_BT.map((at) => problem.ids_BT[at]!) },
    hidden_BTD: Float32Array.from(
      { length: places.ids_BT.length * D },
      (_, i) => hidden_BTD[places.ids_BT[Math.floor(i / D)]! * D + (i % D)]!,
    ),
  }
  const [plain, found] = [answerOf(head, { problem, hidden_BTD }), answerOf(head, packed)]
  for (const [e, { at_M, h_Md }] of plain.entries()) {
    const own = found[e]
    const far = own && h_Md.reduce((most, x, i) => Math.max(most, Math.abs(x - own.h_Md[i]!)), 0)
    law(
      "packed rows",
      Bun.deepEquals(own?.at_M, at_M) && far! < 1e-4,
      () =>
        `entry ${e} gives other values where a row holds two sequences (start_BT is set); count from row_N and position_N, ` +
        "not from the beginning of a row, and attend within a sequence alone",
    )
  }
}

const checkGradients = (law: Law, head: Head, problem: Case) => {
  if (head.parameters.size === 0) return
  const loss = () => lossOf(head, problem)
  const { value, grads } = tf.variableGrads(loss, [...head.parameters.values()])
  for (const [name, variable] of head.parameters) {
    const actual = grads[variable.name]
    law("gradient", actual !== undefined, () => `the answer has no gradient by ${name}; leave out what is not trained`)
    const gradient = actual!.dataSync() as Float32Array
    const start = variable.dataSync().slice() as Float32Array
    const direction = normals(start.length, 1 / Math.sqrt(start.length), seeded(3, name))
    const step = 1e-2
    const lossAt = (by: number) =>
      tf.tidy(() => {
        variable.assign(
          tf.tensor(
            start.map((x, i) => x + by * direction[i]!),
            variable.shape,
          ),
        )
        return loss().dataSync()[0]!
      })
    const expected = (lossAt(step) - lossAt(-step)) / (2 * step)
    tf.tidy(() => variable.assign(tf.tensor(start, variable.shape)))
    const along = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0)
    const allowed = 3e-4 + 0.02 * Math.abs(expected)
    law(
      "finite differences",
      Math.abs(along - expected) <= allowed,
      () => `${name}: the gradient gives ${along}, differences give ${expected} (allowed ${allowed})`,
    )
  }
  tf.dispose([value, ...Object.values(grads)])
}
