/** One text from model folders: checked before anything is decoded, then given out block by block. */
import { DataError, decode, InvalidInput } from "@winnow/core"
import { SpeculativeSession, speculativeOptions, type TreeOption, treeName } from "@winnow/decoding"
import { drive, type Finish, type Stop } from "@winnow/generation"
import type { DecodingPrecision } from "@winnow/models"
import { setPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { decodingEngine } from "../engine.ts"
import { namedFolder, productsOf, requireFiniteLogits } from "../model.ts"
import { endsOf, pairTokenizers } from "./evaluate-folders.ts"
import { askedProposer } from "./evaluate-proposer.ts"
import { type Comparison, compareWithTarget } from "./generate-compare.ts"
import { streamingText } from "./streaming-text.ts"
import { kindsOfBlock, type TokenKind } from "./token-kinds.ts"
import { openPair } from "./vocabularies.ts"

/** The request of a text. */
export interface GenerateRequest {
  /** The model that verifies, or writes alone: a folder or `hf:owner/name`. */
  readonly target: string
  readonly draft?: string
  /** The shape of a tree that the draft proposes; left out: a chain. */
  readonly tree?: TreeOption
  readonly proposer?: string
  readonly prompt: string
  readonly specialTokens: "text" | "ids"
  /** Values of `--eos`. */
  readonly eos: ReadonlyArray<string>
  readonly draftLength: number | "auto"
  readonly temperature: number
  readonly topK?: number
  readonly topP?: number
  readonly maxNew: number
  readonly seed: number
  /** Of the target's decoding. */
  readonly precision: DecodingPrecision
  /** Of the draft's; the target's if left out. */
  readonly draftPrecision?: DecodingPrecision
  /** True: a draft is timed against the target alone after the text. */
  readonly compare: boolean
}

/** A piece of text, with the last token that it took. */
export interface Piece {
  readonly text: string
  readonly kind: TokenKind
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

/** The stop rule of further ends; the session has room for one. */
const stopAt = ([, ...others]: ReadonlyArray<number>): Stop | undefined =>
  others.length === 0 ? undefined : (tokens) => others.includes(tokens.at(-1)!)

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
  const { draft, tree, proposer: named, prompt: text, specialTokens, precision, draftPrecision = precision } = request
  const alone = draft === undefined && named === undefined
  if (alone && tree !== undefined)
    return yield* new InvalidInput({
      what: "--tree",
      problems: ["a tree grows from a draft's probabilities; give --draft"],
    })
  const options = yield* optionsOf(request, alone)
  const spec = alone
    ? undefined
    : yield* askedProposer(
        { ...(draft !== undefined && { draft }), ...(named !== undefined && { proposer: named }), draftPrecision },
        tree,
      )
  const { folder } = yield* namedFolder(request.target)
  const draftFolder = spec?.draft?.folder
  const tokenizers = yield* pairTokenizers(folder, draftFolder ?? folder)
  const { tokenizer } = tokenizers
  const refuse = (problem: string) => new InvalidInput({ what: "--prompt", problems: [problem] })
  if (tokenizer === undefined)
    return yield* refuse(`${folder} has no tokenizer.json to encode it with; put the model's own into that folder`)
  const [prompt] = (yield* tokenizer.encode([text], { specialTokens })) as [Int32Array]
  if (prompt.length === 0) return yield* refuse("found a prompt of 0 tokens, expected at least 1")
  yield* decodingEngine
  yield* Effect.acquireRelease(
    Effect.sync(() => setPrecision(productsOf(precision))),
    (before) => Effect.sync(() => setPrecision(before)),
  )
  const { target, proposer, notes } = yield* openPair(folder, spec, tokenizers, precision)
  const { vocabularySize, maxLength } = target.architecture
  if (prompt.length >= maxLength)
    return yield* refuse(
      `found ${prompt.length} tokens, expected at most ${maxLength - 1}: the target's context is ${maxLength}`,
    )
  const ends = yield* endsOf(folder, request.eos, tokenizer, vocabularySize)
  yield* requireFiniteLogits(folder, target, prompt)
  if (proposer?.model !== undefined && draftFolder !== undefined)
    yield* requireFiniteLogits(draftFolder, proposer.model, prompt)

  const [eosId] = ends.ids
  const ended = { ...options, ...(eosId !== undefined && { eosId }) }
  const stop = stopAt(ends.ids)
  const tokens: Array<{ readonly id: number; readonly kind: TokenKind }> = []
  let firstTokens = 0
  const shown = streamingText(tokenizer.decode)
  const isEnd = (id: number) => ends.ids.includes(id)
  const session = new SpeculativeSession(target, proposer, prompt, ended, stop)
  yield* decoding((signal) => {
    let before = session.counts
    return drive(session, {
      signal,
      onStep: ({ counts, emitted }) => {
        for (const [i, kind] of kindsOfBlock(before, counts).entries()) {
          const id = emitted[before.emitted + i]!
          tokens.push({ id, kind })
          if (!isEnd(id)) write({ text: shown.push(id), kind })
        }
        if (counts.blocks === 1) firstTokens = counts.emitted
        before = counts
      },
    })
  })
  const rest = shown.end()
  if (rest !== "") write({ text: rest, kind: tokens.at(-1)!.kind })

  const { counts, timing, rollout } = session
  const ids = tokens.map(({ id }) => id)
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
            ended,
            { tokens: tokens.length, tokensPerSecond, acceptance },
            { stop, signal },
          ),
        )
  const generated: Generated = {
    prompt: text,
    promptTokens: prompt.length,
    text: tokenizer.decode(isEnd(ids.at(-1)!) ? ids.slice(0, -1) : ids),
    tokens,
    finish: isEnd(ids.at(-1)!) ? "eos" : rollout.finish,
    temperature: options.temperature,
    proposer: spec?.name ?? null,
    tree: tree === undefined ? null : treeName(tree),
    draftLength: alone ? 0 : request.draftLength,
    counts: { calls: counts.blocks, proposed: counts.proposed, accepted: counts.accepted, tested },
    acceptance,
    tau: tokens.length / counts.blocks,
    seconds: { firstBlock: timing.firstBlock, total: timing.total },
    tokensPerSecond,
    compared: !alone && request.compare,
    comparison: comparison ?? null,
    notes: [
      ...notes,
      ...tokenizer.notes.map((note) => `Tokenizer: ${note}.`),
      ...[target, ...(proposer?.model ? [proposer.model] : [])].flatMap(({ architecture }) => architecture.notes ?? []),
    ],
  }
  return generated
}, Effect.scoped)
