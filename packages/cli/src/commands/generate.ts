/** `winnow generate`: prints a text of a target, with a draft or without, while the target writes it. */
import { InvalidInput } from "@winnow/core"
import { depthOfShape } from "@winnow/decoding"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { shownMessage } from "../exit.ts"
import { aModel, familyFlag, precisionFlags, withFamilies } from "../model.ts"
import { jsonFlag } from "../shared-flags.ts"
import { generationReport, legend } from "./generate-report.ts"
import { computeGeneration, type Piece } from "./generate-run.ts"
import { shownAs, wantsColour } from "./token-kinds.ts"
import { parseTree, treeFlag } from "./tree-flag.ts"

/** @error InvalidInput for anything but a whole number or `auto` */
const parseLength = (text: string): Effect.Effect<number | "auto", InvalidInput> =>
  text === "auto"
    ? Effect.succeed(text)
    : /^[1-9]\d{0,3}$/.test(text)
      ? Effect.succeed(Number(text))
      : Effect.fail(
          new InvalidInput({ what: `--draft-length ${text}`, problems: ["expected a number from 1, or auto"] }),
        )

const described = <A>(flag: Flag.Flag<A>, text: string) => flag.pipe(Flag.withDescription(text))

/** Writes pieces to stdout; a terminal gets no control characters of a model. */
const writer = (show: boolean, colour: boolean) => {
  const clean = process.stdout.isTTY === true ? shownMessage : (text: string) => text
  return ({ text, kind }: Piece): void => {
    if (text !== "") process.stdout.write(show ? shownAs(clean(text), kind, colour) : clean(text))
  }
}

/** The command: the text on stdout, all else on stderr; `--json` prints the `Generated`, alone on stdout. */
export const generate = Command.make(
  "generate",
  {
    target: described(Flag.String("target"), `the model that writes, and checks a draft's proposals: ${aModel}`),
    draft: described(
      Flag.String("draft").pipe(Flag.optional),
      "the model that proposes, of the same vocabulary, or a head on this target: a folder or hf:owner/name",
    ),
    proposer: described(
      Flag.String("proposer").pipe(Flag.optional, Flag.withMetavar("NAME")),
      "in the place of a draft: a plugin such as ngram, as in winnow evaluate",
    ),
    tree: treeFlag,
    prompt: described(Flag.String("prompt"), "the text to go on with, as it stands"),
    temperature: described(Flag.Finite("temperature").pipe(Flag.withDefault(0)), "0 is greedy"),
    topK: described(Flag.Int("top-k").pipe(Flag.optional), "only the k most probable tokens"),
    topP: described(Flag.Finite("top-p").pipe(Flag.optional), "the most probable tokens that together reach p"),
    maxNew: described(Flag.Int("max-new").pipe(Flag.withDefault(128)), "most tokens"),
    draftLength: described(
      Flag.String("draft-length").pipe(Flag.optional),
      "tokens proposed a target call, 4 or as many as the tree has levels; auto: chosen block by block",
    ),
    show: described(
      Flag.Boolean("show").pipe(Flag.withDefault(false)),
      "each token by how it came about: accepted, corrected, bonus",
    ),
    compare: described(
      Flag.Boolean("compare").pipe(Flag.withDefault(true)),
      "afterwards time the beginning of the text by the target alone; --no-compare",
    ),
    eos: described(
      Flag.String("eos").pipe(Flag.atLeast(0), Flag.withMetavar("ID")),
      "token that ends the text, as in winnow evaluate; repeatable",
    ),
    specialTokens: described(
      Flag.Literals("special-tokens", ["text", "ids"]).pipe(Flag.withDefault("text" as const)),
      "how a prompt's text that spells a special token is encoded; ids: for chat templates",
    ),
    seed: described(Flag.Int("seed").pipe(Flag.withDefault(0)), "of what is sampled"),
    ...precisionFlags,
    plugin: familyFlag,
    json: jsonFlag,
  },
  Effect.fn("generate")(function* ({
    json,
    show,
    plugin,
    draft,
    draftPrecision,
    tree,
    proposer,
    topK,
    topP,
    draftLength,
    ...flags
  }) {
    const shape = Option.isSome(tree) ? yield* parseTree(tree.value) : undefined
    const request = {
      ...flags,
      draftLength: Option.isSome(draftLength)
        ? yield* parseLength(draftLength.value)
        : ((shape && depthOfShape(shape)) ?? 4),
      ...(shape && { tree: shape }),
      ...Option.match(draft, { onNone: () => ({}), onSome: (draft) => ({ draft }) }),
      ...Option.match(draftPrecision, { onNone: () => ({}), onSome: (draftPrecision) => ({ draftPrecision }) }),
      ...Option.match(proposer, { onNone: () => ({}), onSome: (proposer) => ({ proposer }) }),
      ...Option.match(topK, { onNone: () => ({}), onSome: (topK) => ({ topK }) }),
      ...Option.match(topP, { onNone: () => ({}), onSome: (topP) => ({ topP }) }),
    }
    const colour = wantsColour(process.stdout, process.env)
    const generated = yield* withFamilies(plugin, computeGeneration(request, json ? undefined : writer(show, colour)))
    if (json) return yield* Console.log(JSON.stringify(generated))
    process.stdout.write("\n")
    const lines = [...(show ? legend(generated, wantsColour(process.stderr, process.env)) : [])]
    yield* Console.error(
      ["", ...lines, generationReport(generated, Math.min(100, process.stderr.columns ?? 80))].join("\n"),
    )
  }),
).pipe(
  Command.withDescription("A text of a target as it is written, with a draft or without, and what the draft gained"),
)
