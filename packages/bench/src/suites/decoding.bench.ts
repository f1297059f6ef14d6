/**
 * Greedy decoding steps over a warm cache: tokens in, the most probable next tokens out.
 *
 * A step of few tokens is bound by reading the weights. So its work is the bytes that it reads, and beside it stands
 * its floor: a sum over as many bytes. Both read weights from the last cache if they fit there.
 */
import type { Decoder, Decoding, SeenStates } from "@winnow/core"
import { headProposer } from "@winnow/decoding"
import { medusa } from "@winnow/head-medusa"
import { gptNeox } from "@winnow/model-gpt-neox"
import { initialise, initialiseHead, parameterCount } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { address, native, product, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { do_not_optimize } from "mitata"
import { prepared, type Registry, type Setup, type Suite } from "../suite.ts"

interface Shape {
  readonly vocabulary: number
  readonly d: number
  readonly layers: number
  readonly heads: number
}

/** Tied embeddings: the head is the only part of the table that is read. */
const architectureOf = ({ vocabulary, d, layers, heads }: Shape) =>
  Effect.runSync(
    gptNeox({
      vocab_size: vocabulary,
      max_position_embeddings: 512,
      hidden_size: d,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      intermediate_size: 4 * d,
      tie_word_embeddings: true,
    }).instance,
  )

const shapes: Readonly<Record<"tiny" | "draft" | "target", Shape>> = {
  tiny: { vocabulary: 1000, d: 128, layers: 2, heads: 4 },
  draft: { vocabulary: 50304, d: 256, layers: 6, heads: 4 },
  target: { vocabulary: 50304, d: 768, layers: 12, heads: 12 },
}

/** Positions cached before the step. */
const P = 128
const floatBytes = 4

/** The bytes that a native greedy step reads: the trunk in float32, and the head in 8 bits by its screen. */
const bytesRead = (shape: Shape): number => {
  const head = shape.vocabulary * shape.d
  return (parameterCount(architectureOf(shape)) - head) * floatBytes + head
}

/** The most probable tokens after the last T positions; without native decoding by one product with the head. */
const greedy = (
  model: Decoder,
  state: Decoding,
  ids_BT: Int32Array,
  B: number,
  T: number,
  parents?: Int32Array,
): ArrayLike<number> => {
  if (state.quick !== undefined) return state.quick.greedy(ids_BT, B, T, T > 1, parents).argmax
  let argmax: ArrayLike<number> = []
  tf.tidy(() => {
    const h_BTd = state.extend(tf.tensor2d(ids_BT, [B, T], "int32"), parents)
    const h_Rd = tf.reshape(h_BTd, [B * T, h_BTd.shape[2]]) as tf.Tensor2D
    argmax = tf.argMax(product(h_Rd, model.head_Vd as unknown as tf.Tensor2D, false, true), 1).dataSync()
  })
  return argmax
}

/** Four chains of eight tokens behind the text. */
const fourAbreast = Int32Array.from({ length: 32 }, (_, i) => (i < 4 ? -1 : i - 4))

/**
 * Calls before the timing: the first makes the screen of the head, and later ones let the plain path record its step.
 */
const warmUp = 12

/** T tokens of each sequence; with `parents` the last ones are a tree. */
const step = (shape: Shape, B: number, T: number, parents?: Int32Array): Setup =>
  function* () {
    const model = initialise(architectureOf(shape), 1)
    const state = model.decoding()
    const rng = seeded(1, "decoding bench")
    const ids = (n: number) => Int32Array.from({ length: n }, () => rng.below(shape.vocabulary))
    try {
      greedy(model, state, ids(B * P), B, 1)
      const next = ids(B * T)
      for (let i = 0; i < warmUp; i++) {
        greedy(model, state, next, B, T, parents)
        state.rollback(P)
      }
      // The cache is rolled back between calls, so that each call extends the same length.
      yield prepared(
        () => state.rollback(P),
        () => {
          if (state.length !== P) throw new Error(`the cache holds ${state.length} positions, not ${P}`)
          do_not_optimize(greedy(model, state, next, B, T, parents))
        },
      )
    } finally {
      state.dispose()
      model.dispose()
    }
  }

/** The proposal of three tokens by a head on the target's states, with the target's vocabulary head. */
const proposal = (shape: Shape): Setup =>
  function* () {
    const model = initialise(architectureOf(shape), 1)
    const head = initialiseHead(Effect.runSync(medusa({ vocabulary: "target" }).instance), model, 1)
    const start = { sampling: { temperature: 0 }, vocabularySize: shape.vocabulary, eosId: undefined }
    const sequence = headProposer(head).begin(start)
    const state_D = normals(shape.d, 1, seeded(1, "state"))
    const seen: SeenStates = { from: P, count: 1, of: () => state_D }
    const propose = () => sequence.propose({ text: [1], room: 3, draw: () => 0, seen })
    try {
      for (let i = 0; i < warmUp; i++) propose()
      yield () => do_not_optimize(propose())
    } finally {
      sequence.dispose?.()
      head.dispose()
      model.dispose()
    }
  }

/** Benches a sum over as many bytes as the step reads. @returns its name */
const floor = ({ bench, skip }: Registry, name: string, bytes: number): string | undefined => {
  const floorName = `floor of the ${name}: a sum over ${Math.round(bytes / 1e6)} MB`
  const fast = native()
  if (fast === undefined) {
    skip(floorName, "needs the native library: see `winnow doctor`")
    return undefined
  }
  bench(floorName, {
    work: { amount: bytes, unit: "GB/s" },
    setup: function* () {
      const numbers = tf.ones([Math.round(bytes / floatBytes)])
      try {
        yield () => do_not_optimize(fast.C.winnow_square_sum(numbers.size, address(numbers)))
      } finally {
        numbers.dispose()
      }
    },
  })
  return floorName
}

export const decoding: Suite = (registry) => {
  const { bench } = registry
  for (const name of ["draft", "target"] as const) {
    const shape = shapes[name]
    const { d, layers } = shape
    const amount = bytesRead(shape)
    const to = floor(registry, name, amount)
    const one = `${name} (d = ${d}, ${layers} layers): one token`
    bench(one, {
      work: { amount, unit: "GB/s" },
      alsoWork: { amount: 1, unit: "tokens/s" },
      ...(to === undefined ? {} : { comparedTo: to }),
      setup: step(shape, 1, 1),
    })
    if (name !== "target") continue
    // The blocks' matrices in float32, and one pass over the vocabulary head's screen for each token.
    const read = 3 * (floatBytes * d * d + shape.vocabulary * d)
    bench(`${name}: three tokens proposed by a head on its states`, {
      work: { amount: read, unit: "GB/s" },
      alsoWork: { amount: 3, unit: "tokens/s" },
      comparedTo: one,
      setup: proposal(shape),
    })
    const verified = (title: string, T: number, parents?: Int32Array) =>
      bench(`${name}: ${title} verified`, {
        work: { amount, unit: "GB/s" },
        alsoWork: { amount: T, unit: "tokens/s" },
        comparedTo: one,
        setup: step(shape, 1, T, parents),
      })
    verified("five tokens", 5)
    for (const T of [9, 17, 33]) verified(`${T} tokens`, T)
    verified("a tree of 32 tokens", 33, fourAbreast)
  }
  bench("draft: one token of each of 32 prompts", {
    work: { amount: 32, unit: "tokens/s" },
    setup: step(shapes.draft, 32, 1),
  })
  for (const T of [1, 5])
    bench(`tiny (d = 128, 2 layers, V = 1000): ${T === 1 ? "one token" : "five tokens verified"}`, {
      work: { amount: T, unit: "tokens/s" },
      setup: step(shapes.tiny, 1, T),
    })
}
