/** The texts that the target itself writes on the evaluation prompts: drafts are measured on them. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DataError, InvalidInput, samplingOf } from "@winnow/core"
import type { Tokenizer } from "@winnow/data"
import { type Finish, generate, type Rollout } from "@winnow/generation"
import { Effect } from "effect"
import type { Measure } from "../experiment/resolved.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import { openDecoder } from "./models.ts"
import { openTokenizer, readExamples, readSplit } from "./text.ts"

/** Errors of decoding as values; an unknown error becomes a DataError with its text. */
export const decodingStep = <A>(what: string, run: (signal: AbortSignal) => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (error) =>
      error instanceof InvalidInput
        ? error
        : new DataError({
            message: `${what}: ${error instanceof Error ? error.message : String(error)}`,
            cause: error,
          }),
  })

/** Greedy rollouts, or sampled ones at the measurement's temperature. */
export const rolloutsStage = (
  measure: Measure,
  how: "greedy" | "sampled",
  inputs: { readonly tokenizer: Stage; readonly data: Stage; readonly target: Stage },
): Stage => {
  const { split, prompts, maxNew, seed } = measure
  const sampling = how === "greedy" ? { temperature: 0 } : { ...samplingOf(measure), seed }
  return stage({
    kind: "rollouts",
    label: `target's rollouts, ${how}`,
    config: { split, prompts, maxNew, sampling },
    inputs: [inputs.tokenizer, partOf(inputs.data, split), inputs.target],
    code: stageCode({ revisions: ["generation"], tensors: true }),
    unit: "prompts",
    work: { tokens: prompts * maxNew },
    run: ({ directory, inputs: [tokenizerArtifact, data, target], progress }) =>
      Effect.gen(function* () {
        const tokenizer = yield* openTokenizer(tokenizerArtifact!)
        const examples = (yield* readExamples(data!, split)).slice(0, prompts)
        const encoded = (yield* readSplit(data!, split)).examples.slice(0, prompts)
        if (encoded.length < prompts)
          return yield* new DataError({
            message: `the ${split} split has ${encoded.length} examples within maxLength; measure.prompts asks for ${prompts}`,
          })
        const model = yield* openDecoder(target!, "the target")
        const { rollouts, stats } = yield* decodingStep("the target's rollouts", (signal) =>
          generate(
            model,
            encoded.map(({ ids, promptLength }) => ids.subarray(0, promptLength)),
            { ...sampling, maxNew, eosId: tokenizer.eosId },
            {
              signal,
              onProgress: (s) => progress(s.finished, s.prompts, `${Math.round(s.tokens / s.seconds)} tokens/s`),
            },
          ),
        )
        writeFileSync(join(directory, file), rolloutsText(rollouts))
        const [first] = textsOf(rollouts, tokenizer)
        return {
          prompts: rollouts.length,
          tokens: stats.tokens,
          ended: rollouts.filter(({ finish }) => finish === "eos").length,
          seconds: stats.seconds,
          sample: { prompt: examples[0]!.prompt, text: first! },
        }
      }).pipe(Effect.scoped),
  })
}

/** The words of rollouts, without the token that ends a text. */
export const textsOf = (
  rollouts: ReadonlyArray<Rollout>,
  tokenizer: Pick<Tokenizer, "decode">,
): ReadonlyArray<string> =>
  rollouts.map(({ tokens, finish }) => tokenizer.decode(finish === "eos" ? tokens.subarray(0, -1) : tokens))

const file = "rollouts.json"

/** Rollouts as JSON. */
export const rolloutsText = (rollouts: ReadonlyArray<Rollout>): string =>
  JSON.stringify(
    rollouts.map(({ prompt, tokens, finish, limit }) => ({
      prompt: Array.from(prompt),
      tokens: Array.from(tokens),
      finish,
      limit,
    })),
  )

interface Written {
  readonly prompt: ReadonlyArray<number>
  readonly tokens: ReadonlyArray<number>
  readonly finish: Finish
  readonly limit: number
}

/** The rollouts that `rolloutsText` wrote. */
export const rolloutsOf = (text: string): ReadonlyArray<Rollout> =>
  (JSON.parse(text) as ReadonlyArray<Written>).map((r) => ({
    ...r,
    prompt: Int32Array.from(r.prompt),
    tokens: Int32Array.from(r.tokens),
  }))

/** The rollouts of an artifact. */
export const readRollouts = (artifact: Artifact): Effect.Effect<ReadonlyArray<Rollout>, DataError> =>
  Effect.try({
    try: () => rolloutsOf(readFileSync(join(artifact.directory, file), "utf8")),
    catch: (error) =>
      new DataError({ message: `${artifact.directory}/${file}: ${String(error)}; run with --fresh`, cause: error }),
  })
