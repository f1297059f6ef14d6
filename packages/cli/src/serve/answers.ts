/** Answers in the form of OpenAI's API, from texts as they are written. */
import { randomUUID } from "node:crypto"
import type { Finish } from "@winnow/generation"
import type { WrittenText } from "../text/write-text.ts"
import type { TextRequest } from "./text-request.ts"

/** The tokens of a request's texts. */
export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  /** OpenAI's names for tokens that were predicted: here by the draft. Zero without one. */
  readonly completion_tokens_details: {
    readonly accepted_prediction_tokens: number
    readonly rejected_prediction_tokens: number
  }
  /** Counts of speculative decoding, as docs/metrics.md defines them; null of the target alone. */
  readonly draft: {
    readonly proposed: number
    readonly accepted: number
    /** Tokens that the target judged: accepted ones and the first that it rejected in each block. */
    readonly tested: number
    readonly target_calls: number
  } | null
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0)

/** @param drafted false: the target wrote alone */
export const usageOf = (
  { prompts }: Pick<TextRequest, "prompts">,
  texts: ReadonlyArray<WrittenText>,
  drafted: boolean,
): Usage => {
  const of = (count: (counts: WrittenText["counts"]) => number) => sum(texts.map(({ counts }) => count(counts)))
  const [read, written] = [sum(prompts.map(({ length }) => length)), sum(texts.map(({ tokens }) => tokens.length))]
  const [proposed, accepted] = [of((counts) => counts.proposed), of((counts) => counts.accepted)]
  return {
    ...{ prompt_tokens: read, completion_tokens: written, total_tokens: read + written },
    completion_tokens_details: {
      ...{ accepted_prediction_tokens: accepted, rejected_prediction_tokens: proposed - accepted },
    },
    draft: drafted
      ? { proposed, accepted, tested: of((c) => c.accepted + c.rejected), target_calls: of((c) => c.blocks) }
      : null,
  }
}

/** The cause of an end by OpenAI's names. */
const reasons: Readonly<Record<Finish, "stop" | "length">> = { eos: "stop", stop: "stop", length: "length" }

/** The forms of one request's answer. */
export interface Forms {
  /** The whole answer. */
  readonly whole: (texts: ReadonlyArray<WrittenText>, usage: Usage) => object
  /** The part of a stream before a text's first piece; undefined if there is none. */
  readonly begin: (index: number) => object | undefined
  readonly piece: (index: number, text: string) => object
  readonly end: (index: number, finish: Finish) => object
  /** The last part of a stream that was asked for usage. */
  readonly usage: (usage: Usage) => object
}

/** The forms of an answer by a model of this name. */
export const formsOf = ({ kind }: Pick<TextRequest, "kind">, model: string): Forms => {
  const chat = kind === "chat"
  const head = (object: string) => ({ id, object, created, model })
  const id = `${chat ? "chatcmpl" : "cmpl"}-${randomUUID()}`
  const created = Math.floor(Date.now() / 1000)
  const part = (choices: ReadonlyArray<object>, rest: object = {}) => ({
    ...head(chat ? "chat.completion.chunk" : "text_completion"),
    choices,
    ...rest,
  })
  const delta = (index: number, fields: object, text: string, finish_reason: string | null) =>
    part([{ index, ...(chat ? { delta: fields } : { text }), logprobs: null, finish_reason }])
  return {
    whole: (texts, usage) => ({
      ...head(chat ? "chat.completion" : "text_completion"),
      choices: texts.map(({ text, finish }, index) => ({
        index,
        ...(chat ? { message: { role: "assistant", content: text, refusal: null } } : { text }),
        ...{ logprobs: null, finish_reason: reasons[finish] },
      })),
      usage,
    }),
    begin: (index) => (chat ? delta(index, { role: "assistant", content: "" }, "", null) : undefined),
    piece: (index, text) => delta(index, { content: text }, text, null),
    end: (index, finish) => delta(index, {}, "", reasons[finish]),
    usage: (usage) => part([], { usage }),
  }
}
