/**
 * From a description to an architecture: hidden states with and without a cache, the native program, the cost of a token.
 *
 * Letters: B sequences, T new positions, P cached positions, S = P + T, N = B T.
 */
import type { Architecture, Attends, Cache, PassWeights } from "@winnow/core"
import { type NativeProgram, tf } from "@winnow/tensor"
import { attention, cachedAttention, sequenceReach } from "./attention.ts"
import { attentionPlan } from "./attention-plan.ts"
import { widthsOf } from "./axes.ts"
import { type Description, headColumns, matricesOf, slotWidths } from "./instructions.ts"
import { attentionMask, treeMask } from "./mask.ts"
import { nativeLayers } from "./native-layers.ts"
import { nativeProgram } from "./native-program.ts"
import { parameter } from "./parameters.ts"
import { partsOf } from "./parts.ts"
import { positionsOf } from "./positions.ts"
import { recordedSteps } from "./recorded-steps.ts"
import { rotaryEmbedding } from "./rotary.ts"
import { finalNorm, runTensors } from "./tensor-layers.ts"
import { treePositions } from "./tree.ts"

/** Hidden states of a description; see `Architecture.hidden` and `Architecture.hiddenByLayer`. */
const hiddenOf = (of: Description<Attends>): Required<Pick<Architecture, "hidden" | "hiddenByLayer">> => {
  const runStep = recordedSteps()
  const { windows, layers: places, ...plan } = attentionPlan(of)
  const rotaries = plan.rotaries.map(rotaryEmbedding)
  const names = [...of.parameters.keys()]
  const chain = nativeLayers(of)

  const learned = (position_N: () => Int32Array) =>
    of.embed.positions === undefined ? undefined : tf.tensor1d(position_N(), "int32")

  const extend = (values: PassWeights, ids_BT: tf.Tensor2D, cache: Cache): tf.Tensor3D => {
    const [B, T] = ids_BT.shape
    const { layers: past, length: P, pad_B, tree, keep } = cache
    const inTree_N = tree && treePositions(tree, P, T)
    const tables = rotaries.map((rotary) => rotary(B, T, P, pad_B, undefined, inTree_N))
    const masks = windows.map((window) =>
      tree === undefined ? attentionMask(B, T, P, pad_B, window) : treeMask(tree, T, P, window),
    )
    const positions_N = learned(() => inTree_N ?? positionsOf(B, T, P, pad_B, undefined))
    const step = () => {
      const present: Array<tf.Tensor> = []
      const attend = (packed_Nc: tf.Tensor2D, l: number) => {
        const { rotary, window, cap } = places[l]!
        const frame = { B, T, rotary: tables[rotary]!, mask: masks[window], cap }
        const { context_Nc, k, v } = cachedAttention(packed_Nc, frame, of.heads, past[l])
        present.push(tf.keep(k), tf.keep(v)) // the layer runs in a tidy of its own
        return context_Nc
      }
      if (keep === undefined) return [runTensors(of, values, ids_BT, { attend, positions_N }), ...present]
      const states: Array<tf.Tensor> = []
      const h_BTd = runTensors(of, values, ids_BT, { attend, positions_N }, (x_Nd) => states.push(x_Nd))
      return [h_BTd, ...present, ...keep.layers.map((l) => states[l]!)]
    }
    const shared = [
      ...tables.flatMap(({ cos, sin, turn_hh, whole_hh }) =>
        whole_hh === undefined ? [cos, sin, turn_hh] : [whole_hh],
      ),
      ...masks.filter((mask) => mask !== undefined),
      ...(positions_N === undefined ? [] : [positions_N]),
    ]
    const cached = past.flatMap((layer) => (layer === undefined ? [] : [layer.k, layer.v]))
    const [h_BTd, ...present] =
      cached.length === 0
        ? step()
        : runStep(
            `${B},${T},${tables.map(({ cos }) => cos.rank)},${masks.map((mask) => mask?.rank)},${keep?.layers}`,
            T,
            [ids_BT, ...shared, ...names.map((name) => parameter<tf.Variable>(values, name)), ...cached],
            step,
          )
    tf.dispose(cached)
    keep?.take(present.splice(2 * past.length))
    for (const l of past.keys()) past[l] = { k: tf.keep(present[2 * l]!), v: tf.keep(present[2 * l + 1]!) }
    cache.length += T
    return h_BTd as tf.Tensor3D
  }

  /** A pass without a cache; `onLayer` as in `runTensors`. */
  const pass = (
    values: PassWeights,
    ids_BT: tf.Tensor2D,
    start_BT: Int32Array | undefined,
    onLayer?: (x_Nd: tf.Tensor2D) => void,
  ): tf.Tensor3D => {
    const [B, T] = ids_BT.shape
    const reaches = windows.map((window) => sequenceReach(B, T, start_BT, of.attends, window))
    const tables = rotaries.map((rotary) => rotary(B, T, 0, undefined, start_BT))
    const frames = places.map(({ rotary, window, cap }) => ({
      B,
      T,
      rotary: tables[rotary]!,
      cap,
      ...reaches[window]!,
    }))
    const attend = (packed_Nc: tf.Tensor2D, l: number) => attention(packed_Nc, frames[l]!, of.heads)
    const surroundings = {
      attend,
      positions_N: learned(() => positionsOf(B, T, 0, undefined, start_BT)),
      layers: chain && ((x_Nd: tf.Tensor2D) => chain(values, x_Nd, frames)),
    }
    return runTensors(of, values, ids_BT, surroundings, onLayer)
  }

  const hidden: Architecture["hidden"] = (values, ids_BT, cache, start_BT) =>
    tf.tidy(() => {
      if (cache !== undefined && of.attends === "both")
        throw new Error(`hidden: ${of.type} attends both ways, so nothing of a pass can be kept for the next`)
      if (cache !== undefined && start_BT !== undefined)
        throw new Error("hidden: packed sequences have no cache: give one of cache and start_BT")
      return cache === undefined ? pass(values, ids_BT, start_BT) : extend(values, ids_BT, cache)
    })
  const hiddenByLayer = (values: PassWeights, ids_BT: tf.Tensor2D, start_BT?: Int32Array) =>
    tf.tidy(() => {
      const states: Array<tf.Tensor3D> = []
      pass(values, ids_BT, start_BT, (x_Nd) => states.push(tf.reshape(x_Nd, [...ids_BT.shape, of.hiddenSize])))
      return states
    })
  return { hidden, hiddenByLayer }
}

/** Multiplications and additions x 2 of one token in the layers at context length T. */
const flopsOf = ({ parameters, layers, heads }: Description<Attends>): ((T: number) => number) => {
  const size = (name: string) => parameters.get(name)!.shape.reduce((a, b) => a * b, 1)
  const weights = layers.flat().flatMap(matricesOf)
  const linear = weights.reduce((sum, { weight }) => sum + 2 * size(weight), 0)
  const attended = (T: number) =>
    layers.flat().reduce((sum, i) => sum + (i.op === "attend" ? Math.min(T, i.window ?? T) : 0), 0)
  return (T) => linear + 4 * attended(T) * heads.heads * heads.headSize
}

/** True of a description with causal attention. */
const isOfDecoder = (of: Description<Attends>): of is Description => of.attends === "before"

/** The architecture of a description. @error for instructions that do not fit each other or the parameters */
export const architectureOf = <A extends Attends>(of: Description<A>): Architecture<A> => {
  slotWidths(of)
  const { type, config, vocabularySize, headRows, maxLength, parameters } = of
  const programs = new Map<string, NativeProgram>()
  const programOf = (keep: ReadonlyArray<number>) => {
    if (!isOfDecoder(of)) return undefined
    const made = programs.get(keep.join()) ?? nativeProgram(of, keep)
    programs.set(keep.join(), made)
    return made
  }
  return {
    type,
    attends: of.attends,
    config,
    vocabularySize,
    ...(headRows !== undefined && { headRows }),
    hiddenSize: headColumns(of),
    streamSize: of.hiddenSize,
    layers: of.layers.length,
    maxLength,
    parameters,
    matrices: new Set(
      of.layers
        .flat()
        .flatMap(matricesOf)
        .map(({ weight }) => weight),
    ),
    embedding: of.embed.table,
    head: of.head.weight,
    ...(of.head.cap !== undefined && { logitCap: of.head.cap }),
    parts: partsOf(of),
    ...(isOfDecoder(of) && { cachedNumbers: 2 * of.layers.length * of.heads.kvHeads * of.heads.headSize }),
    trunkFlops: flopsOf(of),
    ...hiddenOf(of),
    finalNorm: {
      parameters: [of.norm.scale, ...(of.norm.shift === undefined ? [] : [of.norm.shift])],
      apply: ({ get }, x_Nd) => finalNorm(of, { get, keys: () => of.parameters.keys() }, x_Nd),
    },
    attentionHeads: { heads: of.heads.heads, kvHeads: of.heads.kvHeads, headSize: of.heads.headSize },
    ...(of.stored && { stored: of.stored }),
    widths: () => widthsOf(of),
    nativeProgram: (keep = []) => programOf(keep),
  }
}
