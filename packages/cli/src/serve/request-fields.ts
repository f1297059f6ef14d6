/** The fields of a request to OpenAI's API: those that are followed, those without an effect here, and all others. */
import { fieldsAt, later, ofThese } from "@winnow/core"
import { type Type, type } from "arktype"
import { ApiError } from "./api-error.ts"

const common = {
  model: "string",
  "max_tokens?": "number.integer >= 1",
  "temperature?": "number >= 0",
  "top_p?": "0 < number <= 1",
  /** Not OpenAI's, but what other engines call it. */
  "top_k?": "number.integer >= 1",
  /** Texts of each prompt. */
  "n?": "1 <= number.integer <= 128",
  "seed?": "number.integer & number.safe",
  "stop?": "string > 0 | (string > 0)[] <= 16",
  "stream?": "boolean",
  "stream_options?": { "include_usage?": "boolean", "include_obfuscation?": "boolean" },
} as const

const ids = "number.integer[] >= 1"

/** The body of /v1/completions. */
export const completionBody = later(() =>
  type({ ...common, prompt: `string | string[] >= 1 | ${ids} | (${ids})[] >= 1` }),
)

/** The body of /v1/chat/completions. */
export const chatBody = later(() => {
  const part = type({ type: "'text'", text: "string" })
  const message = type({
    role: "'system' | 'developer' | 'user' | 'assistant' | 'tool'",
    content: type("string").or(part.array()),
    "name?": "string",
  })
  return type({
    ...common,
    messages: message.array().atLeastLength(1),
    "max_completion_tokens?": "number.integer >= 1",
  })
})

/** Fields that say something about the client, not about the text. */
const aboutTheClient: ReadonlySet<string> = new Set(
  "user metadata store service_tier safety_identifier prompt_cache_key prompt_cache_retention".split(" "),
)

const isEmpty = (value: unknown) => typeof value === "object" && Object.keys(value as object).length === 0

/** Fields that would change the text or the answer, each with the value at which it changes neither. */
const unfollowed: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ...["frequency_penalty", "presence_penalty", "min_p", "top_logprobs"].map((key) => [key, is(0)] as const),
  ...["logit_bias", "tools", "functions"].map((key) => [key, isEmpty] as const),
  ...["echo", "logprobs", "parallel_tool_calls", "use_beam_search", "ignore_eos"].map(
    (key) => [key, is(false)] as const,
  ),
  ...["repetition_penalty", "best_of"].map((key) => [key, is(1)] as const),
  ["suffix", is("")],
  ["tool_choice", (value) => value === "none" || value === "auto"],
  ["response_format", (value) => JSON.stringify(value) === '{"type":"text"}'],
  ["modalities", (value) => JSON.stringify(value) === '["text"]'],
])

function is(neutral: unknown) {
  return (value: unknown): boolean => value === neutral
}

/**
 * The fields of a body that are followed, checked; `null` stands for a field that is left out.
 *
 * @error ApiError (thrown) for a value that cannot be, and for a field that would have to change the text and does not
 */
export const fieldsOf = <T extends Type<object>>(schema: T, body: unknown): T["infer"] => {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new ApiError(400, "the body must be a JSON object", { code: "invalid_body" })
  const known = new Set(fieldsAt(schema))
  const kept: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(body)) {
    if (value === null || aboutTheClient.has(key)) continue
    if (known.has(key)) kept[key] = value
    else if (unfollowed.get(key)?.(value) !== true)
      throw new ApiError(
        400,
        unfollowed.has(key)
          ? `${key} is not followed here; leave it out`
          : `${key} is no field that is known here${ofThese(key, [...known].sort(), "there are")}`,
        { param: key, code: unfollowed.has(key) ? "unsupported_parameter" : "unknown_parameter" },
      )
  }
  const checked = schema(kept)
  if (!(checked instanceof type.errors)) return checked as T["infer"]
  const [first] = checked
  throw new ApiError(400, checked.summary, { param: String(first!.path[0] ?? ""), code: "invalid_value" })
}
