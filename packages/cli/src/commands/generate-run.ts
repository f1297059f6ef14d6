/** One text from model folders: checked before anything is decoded, then given out block by block. */
import { DataError, decode, InvalidInput } from "@winnow/core"
import { speculativeOptions, treeName } from "@winnow/decoding"
import type { Finish } from "@winnow/generation"
import { Effect } from "effect"
import type { TokenKind } from "../text/token-kinds.ts"
import { endedBy, type Piece, stopAtEnds, writeText } from "../text/write-text.ts"
import { namedWriter, type WriterRequest } from "../text/writer.ts"
import { type Comparison, compareWithTarget } from "./generate-compare.ts"

/** The request of a text. */
export interface GenerateRequest extends WriterRequest {
  readonly prompt: string
  readonly specialTokens: "text" | "ids"
  readonly draftLength: number | "auto"
  readonly temperature: number
  readonly topK?: number
  readonly topP?: number
  readonly maxNew: number
  readonly seed: number
  /** True: a draft is timed against the target alone after the text. */
  readonly compare: boolean
}

/** A text, and how it came about. */
export interface Generated {
  readonly prompt: string
  readonly promptTokens: number
  readonly text: string
  readonly tokens: ReadonlyArray<{ readonly id: number; readonly kind: TokenKind }>
  readonly finish: Finish
  readonly temperature: number
  /** "model" of a draft, "tree" of one that proposes trees, a plugin's name, null of the target alone. */
  readonly proposer: string | null
  /** The name of the tree's shape, null of a chain. */
  readonly tree: string | null
  /** gamma as asked; 0 of the target alone. */
  readonly draftLength: number | "auto"
  readonly counts: {
    readonly calls: number
    readonly proposed: number
    readonly accepted: number
    readonly tested: number
  }
  /** Accepted over tested tokens; null if none was tested. */
  readonly acceptance: number | null
  /** Tokens a target call. */
  readonly tau: number
  readonly seconds: { readonly firstBlock: number; readonly total: number }
  /** Tokens a second after the first block, which reads the prompt; null if there is no second. */
  readonly tokensPerSecond: number | null
  /** True: a draft was to be timed against the target alone. */
  readonly compared: boolean
  /** Null without a draft, of a text too short to be timed, or where it was not asked for. */
  readonly comparison: Comparison | null
  readonly notes: ReadonlyArray<string>
}

/** Work on models that runs until it is interrupted. @error DataError, as thrown; any other error is a bug */
const decoding = <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, DataError> =>
  Effect.tryPromise({ try: run, catch: (error) => error }).pipe(
    Effect.catch((error) => (error instanceof DataError ? Effect.fail(error) : Effect.die(error))),
  )

const optionsOf = Effect.fnUntraced(function* (request: GenerateRequest, alone: boolean) {
  const { draftLength, temperature, topK, topP, maxNew, seed } = request
  if (temperature === 0 && (topK !== undefined || topP !== undefined)) {
    const problem =
      "top-k and top-p choose among sampled tokens, and temperature 0 samples none; give a temperature above 0"
    return yield* new InvalidInput({ what: "generate", problems: [problem] })
  }
  return yield* decode("generate", speculativeOptions, {
    ...{ draftLength: alone ? 0 : draftLength === "auto" ? {} : draftLength, temperature, maxNew, seed },
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
  })
})

/**
 * Writes a text.
 *
 * @param write called with each piece of text as soon as its block is done
 * @error InvalidInput for settings, vocabularies or a prompt that cannot be, before anything is decoded
 * @error DataError for a folder that holds no whole model, or a file that cannot be read
 * @error EngineClosed when the tensor engine does not open
 */
export const computeGeneration = Effect.fnUntraced(function* (
  request: GenerateRequest,
  write: (piece: Piece) => void = () => {},
) {
  const { draft, tree, proposer: named, prompt: text, specialTokens } = request
  const alone = draft === undefined && named === undefined
  const options = yield* optionsOf(request, alone)
  const found = yield* namedWriter(request)
  const { tokenizer } = found
  const refuse = (problem: string) => new InvalidInput({ what: "--prompt", problems: [problem] })
  const [prompt] = (yield* tokenizer.encode([text], { specialTokens })) as [Int32Array]
  if (prompt.length === 0) return yield* refuse("found a prompt of 0 tokens, expected at least 1")
  const writer = yield* found.open(prompt)
  const { target, proposer, ends, notes } = writer
  const { maxLength } = target.architecture
  if (prompt.length >= maxLength)
    return yield* refuse(
      `found ${prompt.length} tokens, expected at most ${maxLength - 1}: the target's context is ${maxLength}`,
    )
  const written = yield* decoding((signal) => writeText(writer, prompt, options, { write, signal }))
  const { tokens, counts, timing, firstTokens } = written
  const full = `the target's context of ${maxLength} positions is full: of --max-new ${options.maxNew} tokens ${tokens.length} fit behind the prompt`
  const tested = counts.accepted + counts.rejected
  const acceptance = tested === 0 ? null : counts.accepted / tested
  const later = tokens.length - firstTokens
  const tokensPerSecond = later === 0 ? null : later / (timing.total - timing.firstBlock)
  const comparison =
    proposer === undefined || !request.compare || tokensPerSecond === null
      ? undefined
      : yield* decoding((signal) =>
          compareWithTarget(
            target,
            proposer,
            prompt,
            endedBy(writer, options),
            { tokens: tokens.length, tokensPerSecond, acceptance },
            { stop: stopAtEnds(ends), signal },
          ),
        )
  const generated: Generated = {
    prompt: text,
    promptTokens: prompt.length,
    text: written.text,
    tokens,
    finish: written.finish,
    temperature: options.temperature,
    proposer: found.proposer,
    tree: tree === undefined ? null : treeName(tree),
    draftLength: alone ? 0 : request.draftLength,
    counts: { calls: counts.blocks, proposed: counts.proposed, accepted: counts.accepted, tested },
    acceptance,
    tau: tokens.length / counts.blocks,
    seconds: { firstBlock: timing.firstBlock, total: timing.total },
    tokensPerSecond,
    compared: !alone && request.compare,
    comparison: comparison ?? null,
    notes: written.finish === "length" && tokens.length < options.maxNew ? [...notes, full] : notes,
  }
  return generated
}, Effect.scoped)
