/** The laws that every proposer keeps: decoding with it is lossless for any proposals. */
import type { Proposal, Proposer, ProposerUse } from "@winnow/core"
import { SpeculativeSession } from "@winnow/decoding"
import { argmax, draw } from "@winnow/generation"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { type Law, lawsOf } from "./law.ts"
import { nGramExcess } from "./lossless/n-grams.ts"
import { type Decoded, everyText, targetTexts, worstError } from "./lossless/texts.ts"
import { randomPrompts, tableModel } from "./table-model.ts"

/** V of the targets in the laws. */
const V = 3
const eosId = 2

/** Number of drawn texts for the test of their joint distribution. */
const SAMPLES = 4000

/** The conditions for the enumeration of whole texts. */
const enumerated: ReadonlyArray<Decoded["options"]> = [
  { temperature: 1, draftLength: 1, maxNew: 4, eosId },
  { temperature: 1, draftLength: 3, maxNew: 4 },
  { temperature: 0.7, topK: 2, draftLength: 3, maxNew: 4, eosId },
  { temperature: 1.4, topP: 0.8, draftLength: 2, maxNew: 4 },
]

/** Prompts with repetitions, so that a look-up finds a match. */
const prompts: ReadonlyArray<ReadonlyArray<number>> = [[0], [1, 0, 1], [0, 1, 2, 0, 1]]

/**
 * Checks a proposer with its options against all laws.
 *
 * The laws: proposals fit their room, name ids of the vocabulary and the distributions that these were drawn from, and
 * end with the end token if they contain it; two sequences propose the same for the same text and the same draws, and
 * do not change the text; a deterministic one proposes by the text alone, and with less room it proposes the beginning
 * of its longer proposal; sampled texts have the target's distribution, by exact enumeration and by chi-square of joint
 * 4-grams; greedy texts are the target's own; no tensor is left.
 *
 * @param use for any vocabulary: the laws run on tables of 3 ids
 * @error LawBroken names the law and the found value; PluginFault for an answer of another shape
 */
export const checkProposer = async (use: ProposerUse): Promise<void> => {
  const law = lawsOf(`proposer ${use.name}`)
  const proposer = await Effect.runPromise(use.instance)
  const before = tf.memory().numTensors
  checkProposals(law, proposer)
  checkSampled(law, proposer)
  checkGreedy(law, proposer)
  const left = tf.memory().numTensors - before
  law("no leak", left === 0, () => `${left} tensors are left after all texts have ended; dispose them in dispose`)
}

const checkProposals = (law: Law, proposer: Proposer): void => {
  const room = 5
  for (const temperature of [0, 1])
    for (const [i, prompt] of randomPrompts(40, V, 20, 1).entries()) {
      const start = { sampling: { temperature }, vocabularySize: V, eosId }
      const [one, other] = [proposer.begin(start), proposer.begin(start)]
      const text = Array.from(prompt)
      for (let block = 0; block < 4; block++) {
        const at = () => `after ${text.join(" ")}, temperature ${temperature}`
        const ask = (of: typeof one, most: number): Proposal => {
          const rng = seeded(i, "proposals", block)
          return of.propose({ text, room: most, draw: (q_V) => draw(q_V, rng.uniform()) })
        }
        const whole = text.join()
        const { tokens, parents } = ask(one, room)
        const again = ask(other, room)
        law("text untouched", text.join() === whole, () => `${at()}: the text was changed to ${text.join(" ")}`)
        law(
          "repeats",
          again.tokens.join() === tokens.join() && again.parents?.join() === parents?.join(),
          () => `${at()}: one sequence proposed ${tokens.join(" ")}, another ${again.tokens.join(" ")}`,
        )
        law(
          "end",
          tokens.every((_, place) => tokens[parents?.[place] ?? place - 1] !== eosId),
          () => `${at()}: tokens after the end token: ${tokens.join(" ")}`,
        )
        if (proposer.deterministic === true) {
          const less = ask(proposer.begin(start), 2).tokens
          law(
            "less room",
            less.join() === tokens.slice(0, 2).join(),
            () => `${at()}: ${tokens.join(" ")} with room ${room}, ${less.join(" ")} of a fresh sequence with room 2`,
          )
        }
        // One of its tokens is accepted if it has one, and the target's own follows.
        const accepted = Math.min(1, tokens.length)
        if (tokens.length > 0) for (const of of [one, other]) of.accept?.(accepted, accepted === 0 ? [] : [0])
        text.push(...tokens.slice(0, accepted), (5 * i + block) % V)
      }
      for (const of of [one, other]) of.dispose?.()
    }
}

const checkSampled = (law: Law, proposer: Proposer): void => {
  for (const [seed, options] of enumerated.entries()) {
    const target = tableModel({ V, states: 16, seed, zeros: 0.2, quick: true })
    for (const prompt of prompts) {
      const decoded: Decoded = { target, draft: proposer, prompt, options }
      const error = worstError(everyText(decoded), targetTexts(decoded))
      law(
        "lossless",
        error < 1e-12,
        () => `a text after ${prompt.join(" ")} has a probability off by ${error} at ${JSON.stringify(options)}`,
      )
    }
    target.dispose()
  }
  // By the real generator, not by every outcome of it.
  const target = tableModel({ V, states: 16, seed: 8, sharpness: 1, quick: true })
  const options = { temperature: 1.2, draftLength: 3, maxNew: 5 }
  const excess = nGramExcess({ target, draft: proposer, prompt: prompts.at(-1)!, options }, SAMPLES, 1)
  law(
    "lossless, drawn",
    excess < 1,
    () => `chi-square of ${SAMPLES} texts is ${excess} times its bound at ${JSON.stringify(options)}`,
  )
  target.dispose()
}

const checkGreedy = (law: Law, proposer: Proposer): void => {
  const target = tableModel({ V, states: 24, seed: 9, quick: true })
  for (const prompt of randomPrompts(20, V, 8, 2))
    for (const draftLength of [1, 2, 4, 8]) {
      const session = new SpeculativeSession(target, proposer, prompt, { draftLength, maxNew: 24, eosId })
      while (session.step());
      session.dispose()
      const own: Array<number> = []
      while (own.length < 24 && own.at(-1) !== eosId) own.push(argmax(target.logitsAfter([...prompt, ...own])))
      law(
        "greedy identity",
        session.rollout.tokens.join() === own.join(),
        () =>
          `after ${prompt.join(" ")} with gamma ${draftLength}: ${session.rollout.tokens.join(" ")}, alone ${own.join(" ")}`,
      )
    }
  target.dispose()
}
