/**
 * A draft and a target that agree as often as asked, made without training: every matrix is random, as fresh models have
 * them, so that each decoding step does the work of a trained model of these sizes. Only embedding and head are related.
 *
 * Wide margins (a chain): the head's row of token next(x) is the embedding of x, which passes through the residual stream of
 * all layers, so that after x the largest logit is next(x)'s, far ahead of the second. `next` is one cycle through the
 * vocabulary, so that a text never repeats itself. The draft has weights of its own and the same `next`, but for a random
 * share of tokens, after which it chooses another one: there, and only there, the target rejects.
 *
 * Small margins (flat): the target's head is as a fresh model has it, unrelated to the embedding, so that the best of V random
 * logits is close to the second. Draft and target share the embedding and the columns of the head that meet it, so that the
 * draft's logits are the target's but for what the layers add, which is small beside the embedding: that tips some choices.
 * For a random share of tokens the draft reads another one's embedding: there it chooses for the other.
 *
 * The pair does not imitate a trained one, whose acceptance and margins vary with the text.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { Decoder } from "@winnow/core"
import { gptNeox } from "@winnow/model-gpt-neox"
import { initialise, saveModel } from "@winnow/models"
import { permutation, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import type { Sizes } from "../side-by-side/common-options.ts"

/** Spread of fresh weights. */
const SPREAD = 0.02
/** Of a chain's embeddings: as large as what the layers add, so that the token shows through them. */
const CHAIN_SPREAD = 1
/** Of a flat pair's: so large that what the layers add tips few choices. */
const FLAT_SPREAD = 100

/** Texts of a pair: which token follows each, in the target and in the draft. */
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
 * The token whose place each token takes in the draft: itself, but for a share of 1 - agreement of V, exchanged in a ring.
 *
 * @param agreement 0 to 1. A single token cannot be exchanged, so then two are
 */
export const exchangesOf = (V: number, agreement: number, seed: number): Int32Array => {
  const taken = Int32Array.from({ length: V }, (_, x) => x)
  const wanted = Math.round((1 - agreement) * V)
  const others = permutation(V, seeded(seed, "decode bench", "others")).subarray(0, wanted === 1 ? 2 : wanted)
  for (const [i, x] of others.entries()) taken[x] = others[(i + 1) % others.length]!
  return taken
}

/** One cycle through V tokens, and the same with tokens exchanged: see `exchangesOf`. */
export const chainsOf = (V: number, agreement: number, seed: number): Chains => {
  const order = permutation(V, seeded(seed, "decode bench", "cycle"))
  const target = new Int32Array(V)
  for (const [i, x] of order.entries()) target[x] = order[(i + 1) % V]!
  return { target, draft: exchangesOf(V, agreement, seed).map((x) => target[x]!) }
}

/** A prompt and the target's answer to it: that many tokens along the cycle, from a random one. */
export const textOf = (next: Int32Array, length: number, seed: number): Int32Array => {
  const text = new Int32Array(length)
  text[0] = seeded(seed, "decode bench", "start").below(next.length)
  for (let i = 1; i < length; i++) text[i] = next[text[i - 1]!]!
  return text
}

const embeddingOf = (model: Decoder) => model.parameters.get("gpt_neox.embed_in.weight")! as tf.Variable & tf.Tensor2D
const headOf = (model: Decoder) => model.parameters.get("embed_out.weight")! as tf.Variable & tf.Tensor2D

/** Puts a chain into a fresh model: large embeddings, and each head row the embedding of the token before. */
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
 * Gives two fresh models one embedding, in as many columns as the narrower one has, and the target those columns of the
 * draft's head. The embedding's rows are centred: layer norms of different widths then only scale them.
 */
const share = (target: Decoder, draft: Decoder, taken: Int32Array): void => {
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
    embeddingOf(draft).assign(widen(tf.gather(rows, tf.tensor1d(taken, "int32")), draft))
    const own = tf.slice(headOf(target), [0, columns], [-1, -1])
    headOf(target).assign(tf.concat([tf.slice(headOf(draft), [0, 0], [-1, columns]), own], 1) as tf.Tensor2D)
  })
}

/** A GPT-NeoX of these sizes, with its standard options and an own head. */
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

/** Both models, changed by `relate`, as FOLDER/target and FOLDER/draft: directories that all sides open. */
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
      // no token ends a text: every side generates as many as asked
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

/** Writes a pair of small margins. The engine must be open. @param taken see `exchangesOf` */
export const writeFlat = (folder: string, sizes: PairSizes, taken: Int32Array): Promise<void> =>
  write(folder, sizes, (target, draft) => share(target, draft, taken))
