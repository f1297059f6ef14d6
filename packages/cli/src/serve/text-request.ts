/** A request for texts: from the body of one of two paths to prompts and options of decoding. */
import { checkedIds, DataError, InvalidInput } from "@winnow/core"
import type { ChatTemplate } from "@winnow/data/chat"
import type { SpeculativeOptions } from "@winnow/decoding"
import { Effect } from "effect"
import type { Writer } from "../text/writer.ts"
import { ApiError } from "./api-error.ts"
import { chatBody, completionBody, fieldsOf } from "./request-fields.ts"

/** Texts that one request asks for. */
export interface TextRequest {
  readonly kind: "completion" | "chat"
  /** Ids of each prompt. */
  readonly prompts: ReadonlyArray<Int32Array>
  /** Texts of each prompt. */
  readonly n: number
  readonly stops: ReadonlyArray<string>
  /** Without the draft length; the index is that of the first text. */
  readonly options: Omit<SpeculativeOptions, "draftLength">
  /** True: the request named a seed, so its texts must come again. */
  readonly seeded: boolean
  readonly stream: boolean
  /** True: a stream ends with the usage. */
  readonly usage: boolean
}

/** The settings of a server that requests are read by. */
export interface RequestRules {
  readonly writer: Pick<Writer, "target" | "tokenizer">
  /** The name of the model in requests. */
  readonly model: string
  /** Undefined: conversations are refused. */
  readonly template: ChatTemplate | undefined
  /** How a prompt's text that spells a special token is encoded. */
  readonly specialTokens: "text" | "ids"
}

/** Tokens of a completion that does not say how many, as OpenAI has it. */
const USUAL = 16
/** Number of seeds that a request without one may get. */
const SEEDS = 2 ** 32

type Fields = ReturnType<typeof commonFields>
const commonFields = (schema: typeof completionBody | typeof chatBody, body: unknown) => fieldsOf(schema, body)

const ofModel = ({ model }: Fields, rules: RequestRules): void => {
  if (model !== rules.model)
    throw new ApiError(404, `the model ${JSON.stringify(model)} is not here; this server has ${rules.model}`, {
      ...{ param: "model", code: "model_not_found" },
    })
}

const optionsOf = (fields: Fields, maxNew: number, seed: number): TextRequest["options"] => {
  const { temperature = 1, top_p: topP = 1, top_k: topK } = fields
  // Greedy decoding takes the most probable token, which every top-p and top-k leaves in.
  const sampled = temperature > 0
  return {
    ...{ temperature, maxNew, seed },
    ...(sampled && topP < 1 && { topP }),
    ...(sampled && topK !== undefined && { topK }),
  }
}

const requestOf = (
  kind: TextRequest["kind"],
  fields: Fields,
  maxNew: number,
  prompts: ReadonlyArray<Int32Array>,
  { writer }: RequestRules,
): TextRequest => {
  const { maxLength } = writer.target.architecture
  const param = kind === "chat" ? "messages" : "prompt"
  for (const { length } of prompts) {
    if (length === 0) throw new ApiError(400, "a prompt of 0 tokens, expected at least 1", { param })
    if (length >= maxLength)
      throw new ApiError(
        400,
        `this model's maximum context length is ${maxLength} tokens, and the prompt has ${length}; shorten it`,
        { param, code: "context_length_exceeded" },
      )
  }
  const { n = 1, seed, stop = [], stream = false, stream_options } = fields
  return {
    ...{ kind, prompts, n, stream, stops: [stop].flat(), seeded: seed !== undefined },
    options: optionsOf(fields, maxNew, seed ?? Math.floor(Math.random() * SEEDS)),
    usage: stream_options?.include_usage === true,
  }
}

const encoded = (
  { tokenizer }: RequestRules["writer"],
  texts: ReadonlyArray<string>,
  specialTokens: "text" | "ids",
): Promise<ReadonlyArray<Int32Array>> => Effect.runPromise(tokenizer.encode(texts, { specialTokens }))

/**
 * Reads the body of /v1/completions.
 *
 * @error ApiError for a body that cannot be followed
 */
export const completionRequest = async (body: unknown, rules: RequestRules): Promise<TextRequest> => {
  const fields = fieldsOf(completionBody, body)
  ofModel(fields, rules)
  const { prompt } = fields
  const list = (typeof prompt === "string" || typeof prompt[0] === "number" ? [prompt] : prompt) as ReadonlyArray<
    string | ReadonlyArray<number>
  >
  const texts = list.filter((one) => typeof one === "string")
  const { vocabularySize } = rules.writer.target.architecture
  const prompts =
    texts.length === list.length
      ? await encoded(rules.writer, texts, rules.specialTokens)
      : list.map((ids) => idsOf(ids as ReadonlyArray<number>, vocabularySize))
  return requestOf("completion", fields, fields.max_tokens ?? USUAL, prompts, rules)
}

const idsOf = (ids: ReadonlyArray<number>, vocabularySize: number): Int32Array => {
  try {
    return checkedIds("prompt", ids, vocabularySize)
  } catch (error) {
    if (error instanceof InvalidInput)
      throw new ApiError(400, error.message, { param: "prompt", code: "invalid_value" })
    throw error
  }
}

/**
 * Reads the body of /v1/chat/completions.
 *
 * @error ApiError for a body that cannot be followed, and where the model has no template or its template refuses
 */
export const chatRequest = async (body: unknown, rules: RequestRules): Promise<TextRequest> => {
  const fields = fieldsOf(chatBody, body)
  ofModel(fields, rules)
  if (rules.template === undefined)
    throw new ApiError(
      400,
      "the model has no chat template; use /v1/completions, or start the server with --chat-template FILE or plain",
      { code: "no_chat_template" },
    )
  const messages = fields.messages.map(({ content, ...rest }) => ({
    ...rest,
    content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
  }))
  let text: string
  try {
    text = rules.template.render({ messages }, true)
  } catch (error) {
    if (error instanceof DataError) throw new ApiError(400, error.message, { param: "messages" })
    throw error
  }
  // A template writes the special tokens itself.
  const prompts = await encoded(rules.writer, [text], "ids")
  const { maxLength } = rules.writer.target.architecture
  return requestOf("chat", fields, fields.max_completion_tokens ?? fields.max_tokens ?? maxLength, prompts, rules)
}
