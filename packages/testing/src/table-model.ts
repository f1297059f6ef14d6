/**
 * A toy model whose logits depend on the whole prefix and are exact in float32, for any shape of the product.
 *
 * The state of a position is a hash of all ids up to it; the hidden state is that state as one-hot, the head is a
 * table. A one-hot row times a table adds one number to zeros, so rounding can neither hide nor cause a difference: a
 * cache with one wrong or missing id gives another state.
 */
import { type Decoder, type Decoding, headIds, type QuickDecoding, type Sampling, type TargetLayer } from "@winnow/core"
import { adjusted, argmax, draw } from "@winnow/generation"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"

export interface TableOptions {
  readonly V: number
  /** Number of states d. */
  readonly states: number
  readonly seed: number
  /** Size of the logits: 0 is uniform. */
  readonly sharpness?: number
  /** Chance that an entry has probability 0 (at most V - 1 of a row). */
  readonly zeros?: number
  /** Only these ids can have mass. */
  readonly support?: ReadonlyArray<number>
  readonly maxLength?: number
  /** The head predicts these ids only, increasing; all if left out. Their logits are those of the whole table. */
  readonly ids?: ReadonlyArray<number>
  /** Added to the logits of the same seed, so that two models agree in part. */
  readonly noise?: number
  /** Decodes without tensors in between, as native decoding does: many times faster. */
  readonly quick?: boolean
}

/** exp(IMPOSSIBLE) is 0 in double precision, and IMPOSSIBLE times the 0 of a one-hot row is 0 (-Infinity gives NaN). */
const IMPOSSIBLE = -1e5

export interface TableModel extends Decoder {
  /** Logits of the next token after `ids`, by the same table, on the host. */
  readonly logitsAfter: (ids: ReadonlyArray<number>) => Float32Array
  /** The distribution of the next token after `ids`. */
  readonly distributionAfter: (ids: ReadonlyArray<number>, sampling: Sampling) => Float64Array
}

export const tableModel = ({
  V,
  states,
  seed,
  sharpness = 2,
  zeros = 0,
  support,
  ids: ofHead,
  maxLength = 10_000,
  noise = 0,
  quick = false,
}: TableOptions): TableModel => {
  const rng = seeded(seed, "table")
  const noiseRng = seeded(seed, "noise")
  const table_dV = Array.from({ length: states }, () => {
    const allowed = rng.below(V)
    return Float32Array.from({ length: V }, (_, v) => {
      const logit = Math.fround(sharpness * rng.normal() + noise * noiseRng.normal() * sharpness)
      const zero = rng.uniform() < zeros && v !== allowed
      const never = support?.includes(v) === false || ofHead?.includes(v) === false
      return zero || never ? IMPOSSIBLE : logit
    })
  })
  const ids = ofHead && headIds(Int32Array.from(ofHead), V)
  /** The head's rows of the table. */
  const table_dU = ids ? table_dV.map((row_V) => Float32Array.from(ids.id_U, (id) => row_V[id]!)) : table_dV
  const next = (state: number, id: number) => (Math.imul(state + 1, 31) + Math.imul(id + 1, 17) + (state >> 2)) % states
  const head_Vd = tf.tidy(() =>
    tf.variable(tf.transpose(tf.tensor2d(table_dU.map((row) => Array.from(row)))) as tf.Tensor2D, false),
  )
  const oneHot = (states_BT: ReadonlyArray<ReadonlyArray<number>>) =>
    tf.tidy(() =>
      tf.cast(tf.oneHot(tf.tensor2d(states_BT as number[][], undefined, "int32"), states), "float32"),
    ) as tf.Tensor3D
  /**
   * States of each position of each row; the first `pad_B[b]` positions keep the start state. `nodes` are those of a tree
   * at the end: each goes on from the state of its parent.
   */
  const run = (rows: ReadonlyArray<ReadonlyArray<number>>, pad_B?: Int32Array, nodes: ReadonlyArray<number> = []) =>
    rows.map((ids, b) => {
      const base = ids.length - nodes.length
      const states: Array<number> = []
      for (const [t, id] of ids.entries()) {
        const before = t < base ? t - 1 : nodes[t - base]! < 0 ? base - 1 : base + nodes[t - base]!
        const state = states[before] ?? 0
        states.push(t < (pad_B?.[b] ?? 0) ? state : next(state, id))
      }
      return states
    })
  const rowsOf = (ids_BT: tf.Tensor2D): Array<Array<number>> => {
    const [B, T] = ids_BT.shape
    const flat = ids_BT.dataSync()
    return Array.from({ length: B }, (_, b) => Array.from(flat.subarray(b * T, (b + 1) * T)))
  }
  const decoding = (pad_B?: Int32Array, keep?: ReadonlyArray<TargetLayer>): Decoding => {
    let cache: Array<Array<number>> = []
    let nodes: Array<number> = []
    /** States of the last call's positions, B T of them. */
    let fresh_N: ReadonlyArray<number> = []
    const append = (fresh: ReadonlyArray<ReadonlyArray<number>>, parents: ArrayLike<number> = []) => {
      if (nodes.length > 0 && fresh[0]!.length !== parents.length) throw new Error("text behind an open tree")
      cache = fresh.map((ids, b) => [...(cache[b] ?? []), ...ids])
      nodes = [...nodes, ...Array.from(parents)]
      if (keep)
        fresh_N = run(cache, pad_B, nodes).flatMap((states, b) => states.slice(states.length - fresh[b]!.length))
    }
    const kept = (layer: TargetLayer) => {
      if (layer !== "last" || keep?.includes(layer) !== true) throw new Error(`a table has no layer ${layer} to keep`)
      const h_Nd = new Float32Array(fresh_N.length * states)
      for (const [n, state] of fresh_N.entries()) h_Nd[n * states + state] = 1
      return h_Nd
    }
    /** Logits after the last `rows` positions of each sequence. */
    const logitsAfterLast = (
      ids_BT: Int32Array,
      B: number,
      rows: number,
      parents?: Int32Array,
    ): Array<Float32Array> => {
      const T = ids_BT.length / B
      append(
        Array.from({ length: B }, (_, b) => Array.from(ids_BT.subarray(b * T, (b + 1) * T))),
        parents,
      )
      return run(cache, pad_B, nodes).flatMap((states) =>
        states.slice(states.length - rows).map((state) => table_dU[state]!),
      )
    }
    const quickly: QuickDecoding = {
      greedy: (ids_BT, B, rows, _margins, parents) => {
        const logits_RV = logitsAfterLast(ids_BT, B, rows, parents)
        return {
          argmax: Int32Array.from(logits_RV, argmax),
          margin: Float32Array.from(logits_RV, (logits_V) => {
            const [second, top] = logits_V.toSorted().subarray(-2) as unknown as [number, number]
            return top - second
          }),
        }
      },
      logits: (ids_BT, B, rows, parents) => {
        const logits_RV = logitsAfterLast(ids_BT, B, rows, parents)
        return {
          row: (r) => logits_RV[r]!,
          softmax: (r, temperature) => adjusted(logits_RV[r]!, { temperature }),
          draw: (temperature, u_R) =>
            Int32Array.from(u_R, (u, r) => (u < 0 ? -1 : draw(adjusted(logits_RV[r]!, { temperature }), u))),
        }
      },
    }
    return {
      ...(quick && { quick: quickly }),
      ...(keep && { kept }),
      get length() {
        return cache[0]?.length ?? 0
      },
      extend: (ids_BT, parents) => {
        const fresh = rowsOf(ids_BT)
        append(fresh, parents)
        return oneHot(run(cache, pad_B, nodes).map((s, b) => s.slice(s.length - fresh[b]!.length)))
      },
      rollback: (length, path = Int32Array.of()) => {
        if (length > (cache[0]?.length ?? 0)) throw new RangeError(`rollback to ${length} beyond what is held`)
        const kept = Array.from(path, (node) => cache[0]![length + node]!)
        cache = cache.map((ids) => [...ids.slice(0, length), ...kept])
        nodes = []
      },
      dispose: () => {
        cache = []
        nodes = []
      },
    }
  }
  const logitsAfter = (ids: ReadonlyArray<number>) => table_dV[ids.reduce(next, 0)]!
  return {
    architecture: {
      attends: "before",
      type: "table",
      config: {},
      vocabularySize: V,
      ...(ids && { headRows: ids.id_U.length }),
      hiddenSize: states,
      layers: 0,
      maxLength,
      parameters: new Map(),
      matrices: new Set(),
      embedding: "head", // It has no meaning: the table has no embedding.
      head: "head",
      trunkFlops: () => 0,
      hidden: (_parameters, ids_BT) => oneHot(run(rowsOf(ids_BT))),
    },
    parameters: new Map([["head", head_Vd]]),
    trained: new Map([["head", head_Vd]]),
    head_Vd,
    frozenHead_Vd: head_Vd as unknown as tf.Tensor2D,
    ...(ids && { headIds: ids }),
    hidden: (ids_BT) => oneHot(run(rowsOf(ids_BT))),
    decoding,
    dispose: () => head_Vd.dispose(),
    logitsAfter,
    distributionAfter: (ids, sampling) => adjusted(logitsAfter(ids), sampling),
  }
}

/**
 * A target, and a draft that agrees with it in part: the same table with noise.
 *
 * @param ids the ids that the draft can propose; all if left out
 */
export const tablePair = (
  V: number,
  seed: number,
  noise: number,
  zeros = 0,
  quick = false,
  ids?: ReadonlyArray<number>,
) => {
  const target = tableModel({ V, states: 32, seed, zeros, quick })
  const draft = tableModel({ V, states: 32, seed, zeros, noise, quick, ...(ids && { ids }) })
  const dispose = () => {
    for (const model of [target, draft]) model.dispose()
  }
  return { target, draft, dispose }
}

/** Prompts of random ids and lengths 1 to `longest`. */
export const randomPrompts = (count: number, V: number, longest: number, seed: number): Array<Int32Array> => {
  const rng = seeded(seed, "prompts")
  return Array.from({ length: count }, () => Int32Array.from({ length: 1 + rng.below(longest) }, () => rng.below(V)))
}
