/**
 * Parts around the layers that all decoder families share: tables and masks, with and without a cache.
 *
 * Letters: B sequences, T new positions, P cached positions, S = P + T, N = B T.
 */
import type { Architecture, Cache, Parameters } from "@winnow/core"
import { type Recording, record, tf } from "@winnow/tensor"
import { attentionFrame, cachedAttention, causalAttention, type HeadLayout, sequenceFrame } from "./attention.ts"
import { parameter } from "./parameters.ts"
import type { Rotary } from "./rotary.ts"

/** Attention of one layer, from its packed projections to the context of all heads. */
export type Attend = (packed_Nc: tf.Tensor2D, layer: number) => tf.Tensor2D

/** A family: embedding, layers and final norm, with attention handed in. */
export type Trunk = (values: Parameters, ids_BT: tf.Tensor2D, attend: Attend) => tf.Tensor3D

/** Longest block that is recorded: decoding repeats short ones, prompts come in every length once. */
const LONGEST = 16
/** A recording takes as long as some thirty steps one by one: it is made for shapes that come again and again. */
const RUNS_BEFORE = 8
/** Recordings are never freed. */
const MOST = 64

/**
 * Steps over a cache, recorded by shape of the new tokens: of a decoding step's 50 small ops a layer nearly all the time
 * is the cost of starting them, which a recording saves.
 */
const recordedSteps = () => {
  const recordings = new Map<string, Recording>()
  const runs = new Map<string, number>()
  return (key: string, T: number, inputs: ReadonlyArray<tf.Tensor>, step: () => Array<tf.Tensor>) => {
    const recording = recordings.get(key)
    if (recording !== undefined) return recording(inputs)
    const before = runs.get(key) ?? 0
    runs.set(key, before + 1)
    if (T > LONGEST || before < RUNS_BEFORE || recordings.size >= MOST) return step()
    const made = record(inputs, step)
    recordings.set(key, made.recording)
    return made.outputs
  }
}

/** Hidden states of a family; see `Architecture.hidden`. */
export const decoderHidden = (
  names: ReadonlyArray<string>,
  rotary: Rotary,
  layout: HeadLayout,
  trunk: Trunk,
): Architecture["hidden"] => {
  const runStep = recordedSteps()

  const extend = (values: Parameters, ids_BT: tf.Tensor2D, cache: Cache): tf.Tensor3D => {
    const [B, T] = ids_BT.shape
    const frame = attentionFrame(rotary, B, T, cache)
    const { layers: past } = cache
    const step = () => {
      const present: Array<tf.Tensor> = []
      const attend: Attend = (packed_Nc, l) => {
        const { context_Nc, k, v } = cachedAttention(packed_Nc, frame, layout, past[l])
        present.push(tf.keep(k), tf.keep(v)) // the layer runs in a tidy of its own
        return context_Nc
      }
      return [trunk(values, ids_BT, attend), ...present]
    }
    const { cos, sin, turn_hh, whole_hh } = frame.rotary
    const shared = [...(whole_hh === undefined ? [cos, sin, turn_hh] : [whole_hh]), ...(frame.mask ? [frame.mask] : [])]
    const cached = past.flatMap((layer) => (layer === undefined ? [] : [layer.k, layer.v]))
    const [h_BTd, ...present] =
      cached.length === 0
        ? step()
        : runStep(
            `${B},${T},${cos.rank},${frame.mask?.rank}`,
            T,
            [ids_BT, ...shared, ...names.map((name) => parameter(values, name)), ...cached],
            step,
          )
    tf.dispose(cached)
    for (const l of past.keys()) past[l] = { k: tf.keep(present[2 * l]!), v: tf.keep(present[2 * l + 1]!) }
    cache.length += T
    return h_BTd as tf.Tensor3D
  }

  return (values, ids_BT, cache, start_BT) =>
    tf.tidy(() => {
      if (cache !== undefined && start_BT !== undefined)
        throw new Error("hidden: packed sequences have no cache: give one of cache and start_BT")
      if (cache !== undefined) return extend(values, ids_BT, cache)
      const frame = sequenceFrame(rotary, ids_BT.shape[0], ids_BT.shape[1], start_BT)
      return trunk(values, ids_BT, (packed_Nc) => causalAttention(packed_Nc, frame, layout))
    })
}
