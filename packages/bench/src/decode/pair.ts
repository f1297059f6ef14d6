/**
 * A draft and a target that agree as often as asked, made without training.
 *
 * Every matrix is dense and random, as fresh models have them, so that each decoding step does the work of a trained model of
 * these sizes. Only embedding and head are related: the head's row of token next(x) is the embedding of x, which passes
 * through the residual stream of all layers, so that after x the largest logit is next(x)'s. `next` is one cycle through the
 * vocabulary, so that a text never repeats itself. The draft has weights of its own and the same `next`, but for a random
 * share of tokens, after which it chooses another one: there, and only there, the target rejects. What a trained pair
 * would give (acceptance that varies with the text) is not imitated; how fast tokens come at this acceptance is what is measured.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { Model } from "@winnow/core"
import { gptNeox, initialise, saveModel } from "@winnow/models"
import { permutation, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import type { Sizes } from "../side-by-side/option-values.ts"

/** Spread of fresh weights. Embeddings are as large as what the layers add, so that the token shows through them. */
const SPREAD = 0.02
const EMBEDDING_SPREAD = 1

/** Texts of a pair: which token follows each, in the target and in the draft. */
export interface Chains {
  readonly target: Int32Array
  readonly draft: Int32Array
}

/**
 * One cycle through V tokens, and the same but for a share of 1 - agreement of them, whose successors are exchanged in a ring.
 *
 * @param agreement 0 to 1. A single token cannot be exchanged, so then two are
 */
export const chainsOf = (V: number, agreement: number, seed: number): Chains => {
  const order = permutation(V, seeded(seed, "decode bench", "cycle"))
  const target = new Int32Array(V)
  for (const [i, x] of order.entries()) target[x] = order[(i + 1) % V]!
  const draft = target.slice()
  const wanted = Math.round((1 - agreement) * V)
  const others = permutation(V, seeded(seed, "decode bench", "others")).subarray(0, wanted === 1 ? 2 : wanted)
  for (const [i, x] of others.entries()) draft[x] = target[others[(i + 1) % others.length]!]!
  return { target, draft }
}

/** A prompt and the target's answer to it: that many tokens along the cycle, from a random one. */
export const textOf = (next: Int32Array, length: number, seed: number): Int32Array => {
  const text = new Int32Array(length)
  text[0] = seeded(seed, "decode bench", "start").below(next.length)
  for (let i = 1; i < length; i++) text[i] = next[text[i - 1]!]!
  return text
}

/** Puts a chain into a fresh model: large embeddings, and each head row the embedding of the token before. */
const follow = (model: Model, next: Int32Array): void => {
  const before = new Int32Array(next.length)
  for (const [x, y] of next.entries()) before[y] = x
  const embedding = model.parameters.get("gpt_neox.embed_in.weight")!
  const head = model.parameters.get("embed_out.weight")!
  tf.tidy(() => {
    head.assign(tf.gather(embedding as tf.Tensor, tf.tensor1d(before, "int32")))
    embedding.assign(tf.mul(embedding as tf.Tensor, EMBEDDING_SPREAD / SPREAD))
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

/** Writes the pair as FOLDER/target and FOLDER/draft, directories that both sides open. The engine must be open. */
export const writePair = async (
  folder: string,
  sizes: { readonly draft: Sizes; readonly target: Sizes; readonly vocab: number; readonly context: number },
  chains: Chains,
): Promise<void> => {
  for (const [i, which] of (["target", "draft"] as const).entries()) {
    const model = modelOf(sizes[which], sizes.vocab, sizes.context, i + 1)
    try {
      follow(model, chains[which])
      mkdirSync(join(folder, which), { recursive: true })
      // no token ends a text: every side generates as many as asked
      const endless = { bos_token_id: null, eos_token_id: null, pad_token_id: null }
      await Effect.runPromise(saveModel(model, join(folder, which), endless))
    } finally {
      model.dispose()
    }
  }
}
