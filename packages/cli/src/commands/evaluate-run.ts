/** Runs an evaluation from files to figures: all checks precede all decoding. */
import { loadavg } from "node:os"
import { basename } from "node:path"
import { DataError, decode, InvalidInput } from "@winnow/core"
import type { Codec } from "@winnow/data"
import { depthOfShape, evaluateOptions, evaluateProposer } from "@winnow/decoding"
import { stopAtText } from "@winnow/generation"
import { commit, machine, versions } from "@winnow/lab/outside"
import { setPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { decodingEngine } from "../engine.ts"
import { namedFolder, productsOf, requireFiniteLogits } from "../model.ts"
import type { View } from "../screen.ts"
import { endsOf, pairTokenizers } from "./evaluate-folders.ts"
import { endNotes, generationNotes } from "./evaluate-generation.ts"
import { encodePrompts, readPromptFile } from "./evaluate-prompts.ts"
import { askedProposer } from "./evaluate-proposer.ts"
import { type EvaluateRequest, type EvaluationRecord, modelFacts, notesOf } from "./evaluate-record.ts"
import { tokenNotes } from "./evaluate-tokens.ts"
import { openPair } from "./vocabularies.ts"

/**
 * The rule of stop strings; undefined without any. @error InvalidInput without a tokenizer to read texts with, or for
 * an empty one
 */
const stopRuleOf = (stop: ReadonlyArray<string>, tokenizer: Codec | undefined, folder: string) => {
  if (stop.length === 0) return Effect.succeed(undefined)
  const refuse = (problem: string) => Effect.fail(new InvalidInput({ what: "--stop", problems: [problem] }))
  if (tokenizer === undefined)
    return refuse(`needs a tokenizer.json to read texts with, and ${folder} has none; put it there`)
  if (stop.includes("")) return refuse("found an empty text, expected one that a text can end with")
  return Effect.succeed(stopAtText(stop, tokenizer.decode))
}

/** Progress events of an evaluation, for the view of experiments. */
const telling = (view: View) => {
  let [open, began] = [0, performance.now()]
  return ({
    phase,
    index,
    of,
    done,
    total,
  }: {
    phase: string
    index: number
    of: number
    done: number
    total: number
  }) => {
    const at = { stage: phase, index, of, unit: total === 1 ? "parts" : "prompts" }
    if (open !== index) {
      ;[open, began] = [index, performance.now()]
      view.report({ _tag: "started", resuming: false, ...at })
    }
    if (done < total) view.report({ _tag: "progress", done, total, detail: "", ...at })
    else view.report({ _tag: "done", reused: false, seconds: (performance.now() - began) / 1000, key: "", ...at })
  }
}

/**
 * Evaluates a proposer against a target folder.
 *
 * @error InvalidInput for an invalid prompt file or proposer, or for vocabularies or settings that do not fit; all
 * checks precede decoding
 * @error DataError for a folder without a whole model, a file that cannot be read, or a hub that refuses
 * @error EngineClosed if the tensor engine does not open
 */
export const computeEvaluation = Effect.fnUntraced(function* (request: EvaluateRequest, view?: View) {
  const {
    target: namedTarget,
    draft: namedDraft,
    tree,
    proposer: named,
    prompts: file,
    eos: givenEnds,
    stop,
    precision,
    draftPrecision = precision,
    specialTokens,
    ...rest
  } = request
  const settings = yield* decode("evaluate", evaluateOptions, { dataset: basename(file), ...rest })
  const { temperature, topK, topP, maxNew } = settings
  if (temperature === 0 && (topK !== undefined || topP !== undefined))
    return yield* new InvalidInput({
      what: "evaluate",
      problems: [
        "top-k and top-p choose among sampled tokens, and temperature 0 samples none; give a temperature above 0",
      ],
    })
  const levels = tree && depthOfShape(tree)
  const beyond = settings.draftLengths.find((gamma) => levels !== undefined && gamma > levels)
  if (beyond !== undefined)
    return yield* new InvalidInput({
      what: "evaluate",
      problems: [
        `found gamma ${beyond} with a tree of ${levels} levels, expected at most ${levels}: leave out --draft-length`,
      ],
    })
  const load = Math.round(loadavg()[0]! * 10) / 10 // The load before any work of this process.
  const lines = yield* readPromptFile(file)
  const askedFor = {
    ...(namedDraft === undefined ? {} : { draft: namedDraft }),
    ...(named === undefined ? {} : { proposer: named }),
    draftPrecision,
  }
  const proposerSpec = yield* askedProposer(askedFor, tree)
  const foundTarget = yield* namedFolder(namedTarget)
  const { folder: targetFolder } = foundTarget
  const draftFolder = proposerSpec.draft?.folder
  const tokenizers = yield* pairTokenizers(targetFolder, draftFolder ?? targetFolder)
  const { tokenizer } = tokenizers
  const stopRule = yield* stopRuleOf(stop, tokenizer, targetFolder)
  yield* decodingEngine
  yield* Effect.acquireRelease(
    Effect.sync(() => setPrecision(productsOf(precision))),
    (before) => Effect.sync(() => setPrecision(before)),
  )
  const pair = yield* openPair(targetFolder, proposerSpec, tokenizers, precision)
  const target = pair.target
  const proposer = pair.proposer! // there is a spec
  const draft = proposer.model
  const { vocabularySize, maxLength: targetContext } = target.architecture
  const limits = { vocabularySize, targetContext }
  const prompts = yield* encodePrompts(file, lines, tokenizer, limits, { specialTokens })
  const { ids: eosIds, source: eosSource } = yield* endsOf(targetFolder, givenEnds, tokenizer, vocabularySize)
  const ofGeneration = [
    ...(yield* generationNotes(targetFolder, { temperature, topK, topP })),
    ...(yield* endNotes(targetFolder, { ids: eosIds, source: eosSource })),
  ]
  yield* requireFiniteLogits(targetFolder, target, prompts[0]!.ids)
  if (draft !== undefined && draftFolder !== undefined) yield* requireFiniteLogits(draftFolder, draft, prompts[0]!.ids)
  const options = { ...settings, eosIds: [...eosIds] }
  const evaluation = yield* Effect.tryPromise({
    try: (signal) =>
      evaluateProposer(
        target,
        proposer,
        prompts.map(({ ids }) => ids),
        options,
        { signal, ...(stopRule && { stop: stopRule }), ...(view && { onProgress: telling(view) }) },
      ),
    catch: (error) => error,
  }).pipe(Effect.catch((error) => (error instanceof DataError ? Effect.fail(error) : Effect.die(error))))
  const textOf = (ids: ReadonlyArray<number>) =>
    tokenizer!.decode(eosIds.includes(ids.at(-1)!) ? ids.slice(0, -1) : ids)
  const record: EvaluationRecord = {
    schema: 2,
    created: new Date().toISOString(),
    target: modelFacts(foundTarget, target),
    proposer: { name: proposerSpec.name, options: proposerSpec.options, parameters: proposer.parameters },
    draft: draft && proposerSpec.draft ? modelFacts(proposerSpec.draft, draft) : null,
    conditions: {
      ...options,
      ...{ decoding: temperature === 0 ? "greedy" : "sampled", prompts: file, promptCount: prompts.length },
      ...{ eosSource, stop, precision, specialTokens },
      draftPrecision: draft === undefined ? null : draftPrecision,
    },
    commit: commit(),
    machine: machine(),
    load,
    versions: versions(),
    notes: [
      ...pair.notes,
      ...(tokenizer === undefined
        ? []
        : tokenNotes(tokenizer, { lines, specialTokens, eosIds, eosSource }, evaluation)),
      ...[target, ...(draft ? [draft] : [])].flatMap(({ architecture }) => architecture.notes ?? []),
      ...ofGeneration,
      ...notesOf(evaluation, prompts, maxNew, { target: targetContext, draft: proposer.maxLength }),
    ],
    ...evaluation,
    results: evaluation.results.map((result) => ({
      ...result,
      ...(tokenizer && { texts: result.outputs.map(textOf) }),
    })),
  }
  return record
}, Effect.scoped)
