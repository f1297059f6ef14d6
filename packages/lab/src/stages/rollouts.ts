/** What the target itself writes on the evaluation prompts, and how often it is right: what drafts are measured on. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DataError, InvalidInput, type TaskUse } from "@winnow/core"
import { type Finish, generate, type Rollout } from "@winnow/decoding"
import { Effect } from "effect"
import { type Measure, plain } from "../experiment/resolve.ts"
import { type Stage, stage } from "../stage.ts"
import { pluginCode, tensorCodeVersion } from "../store/code-version.ts"
import type { Artifact } from "../store/store.ts"
import { openTarget } from "./models.ts"
import { openTokenizer, readExamples, readSplit } from "./text.ts"

/** Errors of decoding as values; what is none of ours is a DataError with its text. */
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
  task: TaskUse,
  measure: Measure,
  how: "greedy" | "sampled",
  inputs: { readonly tokenizer: Stage; readonly data: Stage; readonly target: Stage },
): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const { split, prompts, maxNew, temperature, topK, topP, seed } = measure
    const sampling =
      how === "greedy"
        ? { temperature: 0 }
        : { temperature, seed, ...(topK === undefined ? {} : { topK }), ...(topP === undefined ? {} : { topP }) }
    return stage({
      kind: "rollouts",
      label: `target's rollouts, ${how}`,
      config: { split, prompts, maxNew, sampling, task: yield* plain(task) },
      inputs: [inputs.tokenizer, inputs.data, inputs.target],
      code: [
        tensorCodeVersion(["numerics", "tensor", "core", "data", "models", "decoding", "lab/src/stages/rollouts.ts"]),
        pluginCode(task),
      ],
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
          const model = yield* openTarget(target!)
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
          writeRollouts(directory, rollouts)
          const { score } = yield* task.instance
          const texts = rollouts.map(({ tokens, finish }) =>
            tokenizer.decode(finish === "eos" ? tokens.subarray(0, -1) : tokens),
          )
          const right = score && examples.filter((example, i) => score(example, texts[i]!)).length
          return {
            prompts: rollouts.length,
            tokens: stats.tokens,
            ended: rollouts.filter(({ finish }) => finish === "eos").length,
            score: right === undefined ? null : right / rollouts.length,
            seconds: stats.seconds,
            sample: { prompt: examples[0]!.prompt, text: texts[0]! },
          }
        }).pipe(Effect.scoped),
    })
  })

const file = "rollouts.json"

const writeRollouts = (directory: string, rollouts: ReadonlyArray<Rollout>) =>
  writeFileSync(
    join(directory, file),
    JSON.stringify(
      rollouts.map(({ prompt, tokens, finish, limit }) => ({
        prompt: Array.from(prompt),
        tokens: Array.from(tokens),
        finish,
        limit,
      })),
    ),
  )

interface Written {
  readonly prompt: ReadonlyArray<number>
  readonly tokens: ReadonlyArray<number>
  readonly finish: Finish
  readonly limit: number
}

/** The rollouts of an artifact. */
export const readRollouts = (artifact: Artifact): Effect.Effect<ReadonlyArray<Rollout>, DataError> =>
  Effect.try({
    try: () =>
      (JSON.parse(readFileSync(join(artifact.directory, file), "utf8")) as ReadonlyArray<Written>).map((r) => ({
        ...r,
        prompt: Int32Array.from(r.prompt),
        tokens: Int32Array.from(r.tokens),
      })),
    catch: (error) =>
      new DataError({ message: `${artifact.directory}/${file}: ${String(error)}; run with --fresh`, cause: error }),
  })
