/** Facts of a variable on a text: how much the next token tells of it, and how often its most frequent class comes. */
import { classOf, type VariableUse } from "@winnow/core"
import { driven } from "@winnow/generation"
import { informationShare, labelEntropy, seeded } from "@winnow/numerics"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { openModel, piecesOf } from "./models.ts"
import { decodingStep } from "./rollouts.ts"
import { targetLosses } from "./target-losses.ts"
import { readSplit } from "./text.ts"

/** The summary of the stage. */
export interface VariableFacts {
  /** Share of the variable's entropy that the token itself tells, beyond chance: 1 of a function of the token, 0 of noise. */
  readonly told: number
  /** Entropy of its classes, nats. */
  readonly entropy: number
  /** Share of the most frequent class, 0 to 1: the accuracy without any input. */
  readonly majority: number
  readonly tokens: number
}

/**
 * The stage of a variable's facts on the first texts of a split, every token but a text's first.
 *
 * @param spec.bins of a variable that is a number
 */
export const variableFactsStage = (spec: {
  readonly variable: VariableUse
  readonly bins: number
  readonly data: Stage
  readonly tokenizer: Stage
  /** For a variable that reads its losses. */
  readonly target: Stage
  readonly split: "validation" | "test"
  readonly prompts: number
}) =>
  Effect.gen(function* () {
    const { variable, bins, data, tokenizer, target, split, prompts } = spec
    return stage({
      kind: "variable-facts",
      label: `facts of ${variable.name}`,
      config: { variable: yield* plain(variable), bins, split, prompts },
      inputs: [partOf(data, split), tokenizer, ...(variable.readsTarget ? [target] : [])],
      code: stageCode({ revisions: ["measuring"], tensors: variable.readsTarget, plugins: [variable] }),
      run: ({ inputs: [dataArtifact, words, ofTarget] }) =>
        Effect.gen(function* () {
          const { examples } = yield* readSplit(dataArtifact!, split)
          const { scale, values } = yield* variable.instance
          const pieceOf = yield* piecesOf(words!)
          const [classes, tokens]: [Array<number>, Array<number>] = [[], []]
          const texts = examples.slice(0, prompts)
          const model = ofTarget && (yield* openModel(ofTarget))
          const losses =
            model && (yield* decodingStep("losses", (signal) => driven(targetLosses(model, texts), signal)))
          for (const [text, { ids }] of texts.entries()) {
            const targetLoss = losses?.[text]
            const value_L = values({ ids, pieces: Array.from(ids, pieceOf), ...(targetLoss && { targetLoss }) })
            for (const [t, value] of value_L.entries()) {
              if (t === 0 || Number.isNaN(value)) continue
              classes.push(classOf(scale, bins, value))
              tokens.push(ids[t]!)
            }
          }
          const counts = new Map<number, number>()
          for (const c of classes) counts.set(c, (counts.get(c) ?? 0) + 1)
          const facts: VariableFacts = {
            told: informationShare(classes, tokens, seeded(0, "variable facts", variable.name)),
            entropy: labelEntropy(classes),
            majority: Math.max(0, ...counts.values()) / Math.max(1, classes.length),
            tokens: classes.length,
          }
          return { ...facts }
        }).pipe(Effect.scoped),
    })
  })
