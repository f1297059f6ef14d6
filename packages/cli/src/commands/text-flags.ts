/** Flags of commands that write texts. */
import { InvalidInput } from "@winnow/core"
import { depthOfShape } from "@winnow/decoding"
import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import { aModel, familyFlag, precisionFlags } from "../model.ts"
import { described, optional } from "../shared-flags.ts"
import type { WriterRequest } from "../text/writer.ts"
import { parseTree, treeFlag } from "./tree-flag.ts"

/** `--draft`: the model or the head that proposes. */
export const draftFlag = described(
  Flag.String("draft").pipe(Flag.optional),
  "the model that proposes, of the same vocabulary, or a head on this target: a folder or hf:owner/name",
)

/** `--special-tokens`: what a prompt that spells one means. */
export const specialTokensFlag = described(
  Flag.Literals("special-tokens", ["text", "ids"]).pipe(Flag.withDefault("text" as const)),
  "how a prompt's text that spells a special token is encoded; ids: for chat templates",
)

/** Flags of the distribution that tokens are drawn from. */
export const samplingFlags = {
  temperature: described(Flag.Finite("temperature").pipe(Flag.withDefault(0)), "0 is greedy"),
  topK: described(Flag.Int("top-k").pipe(Flag.optional), "only the k most probable tokens"),
  topP: described(Flag.Finite("top-p").pipe(Flag.optional), "the most probable tokens that together reach p"),
}

/** The models of a text, and the length of a block. */
export const writerFlags = {
  target: described(Flag.String("target"), `the model that writes, and checks a draft's proposals: ${aModel}`),
  draft: draftFlag,
  proposer: described(
    Flag.String("proposer").pipe(Flag.optional, Flag.withMetavar("NAME")),
    "in the place of a draft: a plugin such as ngram, as in winnow evaluate",
  ),
  tree: treeFlag,
  draftLength: described(
    Flag.String("draft-length").pipe(Flag.optional),
    "tokens proposed a target call, 4 or as many as the tree has levels; auto: chosen block by block",
  ),
  eos: described(
    Flag.String("eos").pipe(Flag.atLeast(0), Flag.withMetavar("ID")),
    "token that ends the text, as in winnow evaluate; repeatable",
  ),
  specialTokens: specialTokensFlag,
  ...precisionFlags,
  plugin: familyFlag,
}

/** The values of `writerFlags` that name models. */
interface WriterFlagValues {
  readonly target: string
  readonly draft: Option.Option<string>
  readonly proposer: Option.Option<string>
  readonly tree: Option.Option<string>
  readonly draftLength: Option.Option<string>
  readonly eos: ReadonlyArray<string>
  readonly precision: WriterRequest["precision"]
  readonly draftPrecision: Option.Option<WriterRequest["precision"]>
}

/** @error InvalidInput for anything but a whole number or `auto` */
const parseLength = (text: string): Effect.Effect<number | "auto", InvalidInput> =>
  text === "auto"
    ? Effect.succeed(text)
    : /^[1-9]\d{0,3}$/.test(text)
      ? Effect.succeed(Number(text))
      : Effect.fail(
          new InvalidInput({ what: `--draft-length ${text}`, problems: ["expected a number from 1, or auto"] }),
        )

/** The request that flags make. @error InvalidInput for a length or a tree that cannot be */
export const writerRequestOf = Effect.fnUntraced(function* (values: WriterFlagValues) {
  const { target, draft, proposer, tree, draftLength, eos, precision, draftPrecision } = values
  const shape = Option.isSome(tree) ? yield* parseTree(tree.value) : undefined
  const request: WriterRequest & { readonly draftLength: number | "auto" } = {
    ...{ target, eos, precision },
    draftLength: Option.isSome(draftLength)
      ? yield* parseLength(draftLength.value)
      : ((shape && depthOfShape(shape)) ?? 4),
    ...(shape && { tree: shape }),
    ...optional("draft", draft),
    ...optional("proposer", proposer),
    ...optional("draftPrecision", draftPrecision),
  }
  return request
})
