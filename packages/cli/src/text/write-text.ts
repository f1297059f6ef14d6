/** One text, token by token, each with its text and how it came about. */
import {
  type SpeculativeCounts,
  type SpeculativeOptions,
  SpeculativeSession,
  type SpeculativeTiming,
} from "@winnow/decoding"
import { drive, type Finish, type Stop } from "@winnow/generation"
import { streamingText } from "./streaming-text.ts"
import { kindsOfBlock, type TokenKind } from "./token-kinds.ts"
import { untilStop } from "./until-stop.ts"
import type { Writer } from "./writer.ts"

/** A token, with the text that goes out with it: none while a character lacks bytes, or a stop string may begin. */
export interface Piece {
  readonly id: number
  readonly text: string
  readonly kind: TokenKind
}

/** A text that is done. */
export interface WrittenText {
  /** Without the end token, and up to the stop string. */
  readonly text: string
  readonly tokens: ReadonlyArray<{ readonly id: number; readonly kind: TokenKind }>
  readonly finish: Finish
  readonly counts: SpeculativeCounts
  readonly timing: SpeculativeTiming
  /** Tokens of the first block, which reads the prompt. */
  readonly firstTokens: number
}

/** Settings of a text beside those of its decoding. */
export interface WriteHooks {
  /** Texts that end it; it has none of them. */
  readonly stops?: ReadonlyArray<string>
  /** Called with each piece as soon as its block is done; all pieces together are the text. */
  readonly write?: (piece: Piece) => void
  readonly signal?: AbortSignal
}

/** The rule of the ends beyond the first, which the session knows. */
export const stopAtEnds = ([, ...others]: ReadonlyArray<number>): Stop | undefined =>
  others.length === 0 ? undefined : (tokens) => others.includes(tokens.at(-1)!)

/** Options with the first of the writer's ends. */
export const endedBy = ({ ends: [eosId] }: Pick<Writer, "ends">, options: SpeculativeOptions): SpeculativeOptions => ({
  ...options,
  ...(eosId !== undefined && { eosId }),
})

/**
 * Writes a text; between blocks the event loop runs other work.
 *
 * @error the signal's reason if it aborts; RangeError for a prompt that is empty or fills the context; DataError for
 * weights that give no numbers
 */
export const writeText = async (
  writer: Writer,
  prompt: Int32Array,
  options: SpeculativeOptions,
  { stops = [], write = () => {}, signal }: WriteHooks = {},
): Promise<WrittenText> => {
  const { target, proposer, tokenizer, ends } = writer
  const shown = streamingText(tokenizer.decode)
  const cut = untilStop(stops)
  /** The text that goes out with each token, as the rule below met it. */
  const out: Array<string> = []
  const [endsOthers, isEnd] = [stopAtEnds(ends), (id: number) => ends.includes(id)]
  // The session asks once for each token, in order, unless it is the first of the ends.
  const stop: Stop = (tokens) => {
    if (endsOthers?.(tokens)) return true
    out.push(cut.push(shown.push(tokens.at(-1)!)))
    return cut.done
  }
  const tokens: Array<{ readonly id: number; readonly kind: TokenKind }> = []
  let text = ""
  const send = (id: number, part: string, kind: TokenKind): void => {
    text += part
    write({ id, text: part, kind })
  }
  let firstTokens = 0
  const session = new SpeculativeSession(target, proposer, prompt, endedBy(writer, options), stop)
  let before = session.counts
  await drive(session, {
    signal,
    onStep: ({ counts, emitted }) => {
      for (const [i, kind] of kindsOfBlock(before, counts).entries()) {
        const at = before.emitted + i
        const id = emitted[at]!
        tokens.push({ id, kind })
        if (!isEnd(id)) send(id, out[at]!, kind)
      }
      if (counts.blocks === 1) firstTokens = counts.emitted
      before = counts
    },
  })
  const { counts, timing, rollout } = session
  const last = tokens.at(-1)!
  const rest = cut.push(shown.end()) + cut.end()
  if (rest !== "") send(last.id, rest, last.kind)
  return { text, tokens, finish: isEnd(last.id) ? "eos" : rollout.finish, counts, timing, firstTokens }
}
