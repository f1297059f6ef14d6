/**
 * From a description to an architecture: hidden states with and without a cache, the native program, the cost of a token.
 *
 * Letters: B sequences, T new positions, P cached positions, S = P + T, N = B T.
 */
import type { Architecture, Attends, Cache, Parameters } from "@winnow/core"
import { type NativeProgram, tf } from "@winnow/tensor"
import { type AttentionFrame, attention, attentionFrame, cachedAttention, sequenceFrame } from "./attention.ts"
import { type Description, matricesOf, slotWidths } from "./instructions.ts"
import { nativeProgram } from "./native-program.ts"
import { parameter } from "./parameters.ts"
import { partsOf } from "./parts.ts"
import { positionsOf } from "./positions.ts"
import { recordedSteps } from "./recorded-steps.ts"
import { type Rotary, rotaryEmbedding } from "./rotary.ts"
import { rotarySpec } from "./rotary-tables.ts"
import { runTensors } from "./tensor-layers.ts"

/** A factor of scores, as `attend` has it. */
type Scale = number | undefined

/** The tensors of queries and keys for each factor of scores that a description has. */
const rotariesOf = (of: Description<Attends>): ReadonlyMap<Scale, Rotary> =>
  new Map(
    of.layers
      .flat()
      .flatMap((i) => (i.op === "attend" ? [[i.scale, rotaryEmbedding(rotarySpec(of, i.scale))] as const] : [])),
  )

/** Hidden states of a description; see `Architecture.hidden`. */
const hiddenOf = (of: Description<Attends>): Architecture["hidden"] => {
  const runStep = recordedSteps()
  const rotaries = rotariesOf(of)
  const names = [...of.parameters.keys()]

  /** One frame for each factor of scores; `first` makes that of the first, the others share its mask. */
  const framesOf = <F extends AttentionFrame>(
    first: (rotary: Rotary) => F,
    others: (rotary: Rotary) => F["rotary"],
  ): ReadonlyMap<Scale, F> => {
    let shared: F | undefined
    const frames = new Map<Scale, F>()
    for (const [scale, rotary] of rotaries) {
      const frame = shared === undefined ? first(rotary) : { ...shared, rotary: others(rotary) }
      shared ??= frame
      frames.set(scale, frame)
    }
    return frames
  }

  const positions = (B: number, T: number, P: number, pad_B?: Int32Array, start_N?: Int32Array) =>
    of.embed.positions === undefined ? undefined : tf.tensor1d(positionsOf(B, T, P, pad_B, start_N), "int32")

  const extend = (values: Parameters, ids_BT: tf.Tensor2D, cache: Cache): tf.Tensor3D => {
    const [B, T] = ids_BT.shape
    const { layers: past, length: P, pad_B } = cache
    const frames = framesOf(
      (rotary) => attentionFrame(rotary, B, T, cache),
      (rotary) => rotary(B, T, P, pad_B),
    )
    const positions_N = positions(B, T, P, pad_B)
    const step = () => {
      const present: Array<tf.Tensor> = []
      const attend = (packed_Nc: tf.Tensor2D, l: number, scale: Scale) => {
        const { context_Nc, k, v } = cachedAttention(packed_Nc, frames.get(scale)!, of.heads, past[l])
        present.push(tf.keep(k), tf.keep(v)) // the layer runs in a tidy of its own
        return context_Nc
      }
      return [runTensors(of, values, ids_BT, { attend, positions_N }), ...present]
    }
    const [{ mask, rotary }] = [...frames.values()] as [AttentionFrame]
    const shared = [
      ...[...frames.values()].flatMap(({ rotary: { cos, sin, turn_hh, whole_hh } }) =>
        whole_hh === undefined ? [cos, sin, turn_hh] : [whole_hh],
      ),
      ...(mask === undefined ? [] : [mask]),
      ...(positions_N === undefined ? [] : [positions_N]),
    ]
    const cached = past.flatMap((layer) => (layer === undefined ? [] : [layer.k, layer.v]))
    const [h_BTd, ...present] =
      cached.length === 0
        ? step()
        : runStep(
            `${B},${T},${rotary.cos.rank},${mask?.rank}`,
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
      if (cache !== undefined && of.attends === "both")
        throw new Error(`hidden: ${of.type} attends both ways, so nothing of a pass can be kept for the next`)
      if (cache !== undefined && start_BT !== undefined)
        throw new Error("hidden: packed sequences have no cache: give one of cache and start_BT")
      if (cache !== undefined) return extend(values, ids_BT, cache)
      const [B, T] = ids_BT.shape
      const frames = framesOf(
        (rotary) => sequenceFrame(rotary, B, T, start_BT, of.attends),
        (rotary) => rotary(B, T, 0, undefined, start_BT),
      )
      return runTensors(of, values, ids_BT, {
        attend: (packed_Nc, _, scale) => attention(packed_Nc, frames.get(scale)!, of.heads),
        positions_N: positions(B, T, 0, undefined, start_BT),
      })
    })
}

/** Multiplications and additions x 2 of one token in the layers at context length T. */
const flopsOf = ({ parameters, layers, heads }: Description<Attends>): ((T: number) => number) => {
  const size = (name: string) => parameters.get(name)!.shape.reduce((a, b) => a * b, 1)
  const weights = layers.flat().flatMap(matricesOf)
  const linear = weights.reduce((sum, { weight }) => sum + 2 * size(weight), 0)
  return (T) => linear + 4 * T * heads.heads * heads.headSize * layers.length
}

/** True of a description whose attention goes to what is before. */
const isOfDecoder = (of: Description<Attends>): of is Description => of.attends === "before"

/** The architecture of a description. @error for instructions that do not fit each other or the parameters */
export const architectureOf = <A extends Attends>(of: Description<A>): Architecture<A> => {
  slotWidths(of)
  const { type, config, vocabularySize, hiddenSize, maxLength, parameters } = of
  let program: { readonly of: NativeProgram | undefined } | undefined
  return {
    type,
    attends: of.attends,
    config,
    vocabularySize,
    hiddenSize,
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
    parts: partsOf(of),
    ...(isOfDecoder(of) && { cachedNumbers: 2 * of.layers.length * of.heads.kvHeads * of.heads.headSize }),
    trunkFlops: flopsOf(of),
    hidden: hiddenOf(of),
    ...(of.stored && { stored: of.stored }),
    nativeProgram: () => (program ??= { of: isOfDecoder(of) ? nativeProgram(of) : undefined }).of,
  }
}
