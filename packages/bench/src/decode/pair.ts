/**
 * A draft and a target that agree at a requested rate, without training. Every matrix is random, as in a fresh model,
 * so that each decoding step costs as much as with trained models of these sizes. Only embedding and head are related.
 *
 * Wide margins (a chain): the head's row of token next(x) is the embedding of x, which passes through the residual
 * stream of all layers. So after x the logit of next(x) is the largest, far ahead of the second. `next` is one cycle
 * through the vocabulary, so that a text never repeats itself. The draft has its own weights and the same `next`,
 * except after a random share of tokens, where it chooses another token: the target rejects exactly there.
 *
 * Small margins (flat): the target's head is random and unrelated to the embedding, so that the best of V random logits
 * is close to the second. Draft and target share the embedding and the columns of the head that meet it, so that their
 * logits differ only by the contribution of the layers. That is small beside the embedding and tips some choices. For a
 * random share of tokens the draft reads another token's embedding, and chooses for that token.
 *
 * The pair does not imitate trained models, whose acceptance and margins vary with the text.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { Decoder } from "@winnow/core"
import { gptNeox } from "@winnow/model-gpt-neox"
import { initialise, saveModel } from "@winnow/models"
import { permutation, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { modelUseOf, type PairName, shapePairs } from "../shapes/shapes.ts"
import { writeShape } from "../shapes/write-shape.ts"
import type { Sizes } from "../side-by-side/common-options.ts"

/** Standard deviation of fresh weights. */
const SPREAD = 0.02
/**
 * Standard deviation of a chain's embeddings: as large as the layers' contribution, so that the token stays visible.
 */
const CHAIN_SPREAD = 1
/** Standard deviation of a flat pair's embeddings: so large that the layers tip few choices. */
const FLAT_SPREAD = 100

/** The texts of a pair: the next token after each token, for target and draft. */
export interface Chains {
  readonly target: Int32Array
  readonly draft: Int32Array
}

/** Sizes of a pair's models. */
export interface PairSizes {
  readonly draft: Sizes
  readonly target: Sizes
  readonly vocab: number
  readonly context: number
}

/**
 * The token whose place each token takes in the draft: itself, except for a share 1 - agreement, exchanged in a ring.
 *
 * @param agreement 0 to 1. At least two tokens are exchanged, if any
 */
export const exchangesOf = (V: number, agreement: number, seed: number): Int32Array => {
  const places = Int32Array.from({ length: V }, (_, x) => x)
  const exchangeCount = Math.round((1 - agreement) * V)
  const others = permutation(V, seeded(seed, "decode bench", "others")).subarray(
    0,
    exchangeCount === 1 ? 2 : exchangeCount,
  )
  for (const [i, x] of others.entries()) places[x] = others[(i + 1) % others.length]!
  return places
}

/** One cycle through V tokens, and the same with tokens exchanged: see `exchangesOf`. */
export const chainsOf = (V: number, agreement: number, seed: number): Chains => {
  const order = permutation(V, seeded(seed, "decode bench", "cycle"))
  const target = new Int32Array(V)
  for (const [i, x] of order.entries()) target[x] = order[(i + 1) % V]!
  return { target, draft: exchangesOf(V, agreement, seed).map((x) => target[x]!) }
}

/** A prompt and the target's answer: so many tokens along the cycle, from a random token. */
export const textOf = (next: Int32Array, length: number, seed: number): Int32Array => {
  const text = new Int32Array(length)
  text[0] = seeded(seed, "decode bench", "start").below(next.length)
  for (let i = 1; i < length; i++) text[i] = next[text[i - 1]!]!
  return text
}

const embeddingOf = (model: Decoder) => model.parameters.get("gpt_neox.embed_in.weight")! as tf.Variable & tf.Tensor2D
const headOf = (model: Decoder) => model.parameters.get("embed_out.weight")! as tf.Variable & tf.Tensor2D

/** Puts a chain into a fresh model: large embeddings, and in each head row the embedding of the token before. */
const follow = (model: Decoder, next: Int32Array): void => {
  const before = new Int32Array(next.length)
  for (const [x, y] of next.entries()) before[y] = x
  const embedding = embeddingOf(model)
  tf.tidy(() => {
    headOf(model).assign(tf.gather(embedding, tf.tensor1d(before, "int32")))
    embedding.assign(tf.mul(embedding, CHAIN_SPREAD / SPREAD))
  })
}

/**
 * Gives two fresh models one embedding, over as many columns as the narrower model has, and gives the target those
 * columns of the draft's head. The embedding's rows are centred, so that layer norms of different widths only scale
 * them.
 */
const share = (target: Decoder, draft: Decoder, places: Int32Array): void => {
  const columns = Math.min(target.architecture.hiddenSize, draft.architecture.hiddenSize)
  const widen = (x: tf.Tensor2D, model: Decoder) =>
    tf.pad(x, [
      [0, 0],
      [0, model.architecture.hiddenSize - columns],
    ])
  tf.tidy(() => {
    const fresh = tf.slice(embeddingOf(draft), [0, 0], [-1, columns])
    const rows = tf.mul(tf.sub(fresh, tf.mean(fresh, 1, true)), FLAT_SPREAD / SPREAD) as tf.Tensor2D
    embeddingOf(target).assign(widen(rows, target))
    embeddingOf(draft).assign(widen(tf.gather(rows, tf.tensor1d(places, "int32")), draft))
    const own = tf.slice(headOf(target), [0, columns], [-1, -1])
    headOf(target).assign(tf.concat([tf.slice(headOf(draft), [0, 0], [-1, columns]), own], 1) as tf.Tensor2D)
  })
}

/** A GPT-NeoX of these sizes, with standard options and a head of its own. */
export const modelOf = ([hidden, layers, heads, intermediate]: Sizes, vocab: number, context: number, seed: number) => {
  const use = gptNeox({
    vocab_size: vocab,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: intermediate,
    max_position_embeddings: context,
    initializer_range: SPREAD,
  })
  return initialise(Effect.runSync(use.instance), seed)
}

/** Writes both models, changed by `relate`, as FOLDER/target and FOLDER/draft, which all sides open. */
const write = async (
  folder: string,
  { draft: ofDraft, target: ofTarget, vocab, context }: PairSizes,
  relate: (target: Decoder, draft: Decoder) => void,
): Promise<void> => {
  const [target, draft] = [modelOf(ofTarget, vocab, context, 1), modelOf(ofDraft, vocab, context, 2)]
  try {
    relate(target, draft)
    for (const [name, model] of Object.entries({ target, draft })) {
      mkdirSync(join(folder, name), { recursive: true })
      // No token ends a text: every side generates the requested number.
      const endless = { bos_token_id: null, eos_token_id: null, pad_token_id: null }
      await Effect.runPromise(saveModel(model, join(folder, name), endless))
    }
  } finally {
    for (const model of [target, draft]) model.dispose()
  }
}

/** Writes a pair of wide margins. The engine must be open. */
export const writeChains = (folder: string, sizes: PairSizes, chains: Chains): Promise<void> =>
  write(folder, sizes, (target, draft) => {
    follow(target, chains.target)
    follow(draft, chains.draft)
  })

/** Writes a pair of small margins. The engine must be open. @param places see `exchangesOf` */
export const writeFlat = (folder: string, sizes: PairSizes, places: Int32Array): Promise<void> =>
  write(folder, sizes, (target, draft) => share(target, draft, places))

/** Writes a pair of published shapes with wide margins, in bfloat16. */
export const writeShapeChains = (folder: string, pair: PairName, chains: Chains): void => {
  for (const [seed, which] of (["target", "draft"] as const).entries()) {
    const { instance } = modelUseOf(shapePairs[pair][which], false)
    writeShape(join(folder, which), Effect.runSync(instance), { seed, next: chains[which] })
  }
}
