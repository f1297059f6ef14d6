/**
 * `winnow evaluate`: measures how well a target accepts a draft or another proposer; models are in Hugging Face format.
 */
import { resolve } from "node:path"
import { InvalidInput } from "@winnow/core"
import { depthOfShape } from "@winnow/decoding"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { aModel, familyFlag, precisionFlags, withFamilies } from "../model.ts"
import { described, jsonFlag, optional } from "../shared-flags.ts"
import { viewOnStderr } from "../view.ts"
import { evaluationReport } from "./evaluate-report.ts"
import { computeEvaluation } from "./evaluate-run.ts"
import { draftFlag, samplingFlags, specialTokensFlag } from "./text-flags.ts"
import { parseTree, treeFlag } from "./tree-flag.ts"

/** @error InvalidInput for a text that is no list of whole numbers */
const parseLengths = (text: string): Effect.Effect<Array<number>, InvalidInput> => {
  const parts = text.split(",").map((part) => part.trim())
  return parts.every((part) => /^\d{1,4}$/.test(part))
    ? Effect.succeed([...new Set(parts.map(Number))])
    : Effect.fail(
        new InvalidInput({ what: `--draft-length ${text}`, problems: ["expected whole numbers, such as 1,2,4,8"] }),
      )
}

/** A path as typed; its reader reports faults, in more detail than a flag of a folder's kind can. */
const path = (name: string) => Flag.String(name).pipe(Flag.map((text) => resolve(text)))

/** The command; `--json` prints the `EvaluationRecord`. */
export const evaluate = Command.make(
  "evaluate",
  {
    target: described(Flag.String("target"), `the model that verifies: ${aModel}`),
    draft: draftFlag,
    proposer: described(
      Flag.String("proposer").pipe(Flag.optional, Flag.withMetavar("NAME")),
      'in the place of a draft: a plugin such as ngram, a path to one, or {"name": "ngram", "options": {...}}',
    ),
    tree: treeFlag,
    prompts: described(path("prompts"), `a line a prompt: {"prompt": "..."} or {"ids": [...]}`),
    draftLength: described(
      Flag.String("draft-length").pipe(Flag.optional),
      "tokens proposed a target call, one result each: 1,2,4,8 if left out, of a tree as many as it has levels, or 4",
    ),
    ...samplingFlags,
    maxNew: described(Flag.Int("max-new").pipe(Flag.withDefault(128)), "most tokens after a prompt"),
    eos: described(
      Flag.String("eos").pipe(Flag.atLeast(0), Flag.withMetavar("ID")),
      "token that ends a text, an id or its text, in place of what the target's folder says; repeatable; none: no token does",
    ),
    stop: described(
      Flag.String("stop").pipe(Flag.atLeast(0), Flag.withMetavar("TEXT")),
      "a text also ends with the token that completes TEXT; repeatable",
    ),
    specialTokens: specialTokensFlag,
    seed: described(Flag.Int("seed").pipe(Flag.withDefault(0)), "of what is sampled"),
    rounds: described(Flag.Int("rounds").pipe(Flag.withDefault(3)), "timed rounds, after one untimed; 0: no speed-up"),
    timedPrompts: described(
      Flag.Int("timed-prompts").pipe(Flag.withDefault(32)),
      "prompts that are timed, the first with texts longer than a block",
    ),
    ...precisionFlags,
    dataset: described(
      Flag.String("dataset").pipe(Flag.optional),
      "name of the data in captions; the file's if left out",
    ),
    plugin: familyFlag,
    json: jsonFlag,
  },
  Effect.fn("evaluate")(function* ({
    json,
    plugin,
    draftLength,
    draft,
    tree,
    draftPrecision,
    proposer,
    topK,
    topP,
    dataset,
    ...flags
  }) {
    const view = viewOnStderr()
    const shape = Option.isSome(tree) ? yield* parseTree(tree.value) : undefined
    const usual = shape === undefined ? [1, 2, 4, 8] : [depthOfShape(shape) ?? 4]
    const request = {
      ...flags,
      draftLengths: Option.isSome(draftLength) ? yield* parseLengths(draftLength.value) : usual,
      ...optional("draft", draft),
      ...(shape && { tree: shape }),
      ...optional("draftPrecision", draftPrecision),
      ...optional("proposer", proposer),
      ...optional("topK", topK),
      ...optional("topP", topP),
      ...optional("dataset", dataset),
    }
    const record = yield* withFamilies(plugin, computeEvaluation(request, view)).pipe(
      Effect.ensuring(Effect.sync(view.end)),
    )
    yield* Console.log(json ? JSON.stringify(record) : evaluationReport(record))
  }),
).pipe(
  Command.withDescription(
    "Measure a target's acceptance of a draft or another proposer, and the speed-up, for any model folders",
  ),
)
