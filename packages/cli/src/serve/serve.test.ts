/** `winnow serve` by OpenAI's own client: texts, streams, seeds, stop strings, usage, refusals. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { tf } from "@winnow/tensor"
import { Effect, Exit, Scope } from "effect"
import OpenAI, { type APIError, BadRequestError, NotFoundError } from "openai"
import { at, modelOf, saved, V, withModels, wordIds, words } from "../commands/evaluate.fixture.ts"
import { computeGeneration, type GenerateRequest } from "../commands/generate-run.ts"
import { runCli, startCli } from "../commands/run-cli.fixture.ts"
import { type ServeRequest, serving } from "../commands/serve.ts"

withModels()

const prompt = words[0]!
const generated = (changes: Partial<GenerateRequest> = {}) =>
  Effect.runPromise(
    computeGeneration({
      ...{ target: at("target"), draft: at("draft"), prompt, draftLength: 3, temperature: 0, maxNew: 24 },
      ...{ eos: [], seed: 0, precision: "float32", specialTokens: "text", compare: false },
      ...changes,
    }),
  )

/** A server with a client, until `close`. */
const open = async (changes: Partial<ServeRequest> = {}) => {
  const scope = await Effect.runPromise(Scope.make())
  const request: ServeRequest = {
    ...{ target: at("target"), eos: [], precision: "float32", draftLength: 3, specialTokens: "text", port: 0 },
    ...{ name: undefined, chatTemplate: "plain", atOnce: 2, queue: 2 },
    ...changes,
  }
  const { url, ...rest } = await Effect.runPromise(serving(request).pipe(Effect.provideService(Scope.Scope, scope)))
  const client = new OpenAI({ baseURL: url, apiKey: "none", maxRetries: 0 })
  return { url, client, ...rest, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}
type Server = Awaited<ReturnType<typeof open>>

let server: Server
let client: OpenAI
beforeAll(async () => {
  server = await open({ draft: at("draft") })
  client = server.client
})
afterAll(() => server.close())

const asked = { model: "target", prompt, max_tokens: 24, temperature: 0 } as const
const health = async (url: string) =>
  (await (await fetch(url.replace("/v1", "/health"))).json()) as Record<string, unknown>
/** Our fields of the usage, which OpenAI's types do not have. */
const draftOf = (usage: object | undefined) => (usage as { readonly draft: object | null }).draft
const refusal = async (promise: Promise<unknown>): Promise<APIError> => {
  const error = await promise.then(
    () => undefined,
    (error: APIError) => error,
  )
  expect(error).toBeDefined()
  return error!
}

test("models and health", async () => {
  const models = await client.models.list()
  expect(models.data.map(({ id }) => id)).toEqual(["target"])
  expect(await client.models.retrieve("target")).toMatchObject({ id: "target", object: "model" })
  expect(await health(server.url)).toMatchObject({ status: "ok", model: "target", running: 0, waiting: 0 })
})

test("a completion is the text of `winnow generate`, with its counts, whole and as a stream", async () => {
  const { text, tokens, promptTokens, counts } = await generated()
  const whole = await client.completions.create(asked)
  expect(whole.choices).toEqual([{ index: 0, text, logprobs: null, finish_reason: "length" }])
  expect(whole.usage).toMatchObject({
    ...{ prompt_tokens: promptTokens, completion_tokens: tokens.length, total_tokens: promptTokens + tokens.length },
    completion_tokens_details: {
      ...{ accepted_prediction_tokens: counts.accepted, rejected_prediction_tokens: counts.proposed - counts.accepted },
    },
  })
  const { proposed, accepted, tested, calls } = counts
  expect(draftOf(whole.usage)).toEqual({ proposed, accepted, tested, target_calls: calls })
  expect(accepted).toBeGreaterThan(0)

  const stream = await client.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } })
  const parts = await Array.fromAsync(stream)
  expect(parts.map(({ choices }) => choices[0]?.text ?? "").join("")).toBe(text)
  expect(parts.length).toBeGreaterThan(10)
  expect(parts.at(-2)!.choices[0]!.finish_reason).toBe("length")
  expect(parts.at(-1)).toMatchObject({ choices: [], usage: whole.usage! })
  expect(new Set(parts.map(({ id }) => id)).size).toBe(1)
})

test("sampled texts follow the seed, and are those of `winnow generate`; without a seed they differ", async () => {
  const sampled = async (changes: object = {}) =>
    (await client.completions.create({ ...asked, temperature: 1, seed: 5, ...changes })).choices[0]!.text
  expect(await sampled()).toBe((await generated({ temperature: 1, seed: 5 })).text)
  expect(await sampled({ top_p: 0.6 })).toBe((await generated({ temperature: 1, seed: 5, topP: 0.6 })).text)
  expect(await sampled({ top_k: 3 })).toBe((await generated({ temperature: 1, seed: 5, topK: 3 })).text)
  expect(await sampled()).toBe(await sampled({ temperature: null }))
  expect(await sampled({ seed: 6 })).not.toBe(await sampled())
  expect(await sampled({ seed: null })).not.toBe(await sampled({ seed: null }))
  const stream = await client.completions.create({ ...asked, temperature: 1, seed: 5, stream: true })
  expect((await Array.fromAsync(stream)).map(({ choices }) => choices[0]!.text).join("")).toBe(await sampled())
})

test("a stop string ends a text before it, whole and in a stream, of which no part shows it", async () => {
  const { text } = await generated()
  const stop = text.slice(9, 13)
  const expected = text.slice(0, text.indexOf(stop))
  const whole = await client.completions.create({ ...asked, stop })
  expect(whole.choices[0]).toMatchObject({ text: expected, finish_reason: "stop" })
  expect(whole.usage!.completion_tokens).toBeLessThan(24)
  const stream = await client.completions.create({ ...asked, stop: ["never there", stop], stream: true })
  const parts = (await Array.fromAsync(stream)).map(({ choices }) => choices[0]!)
  expect(parts.map(({ text }) => text).join("")).toBe(expected)
  expect(parts.at(-1)!.finish_reason).toBe("stop")
})

test("an end token ends a text, and is counted", async () => {
  const { tokens } = await generated()
  const eos = [String(tokens[9]!.id)]
  const ended = await open({ draft: at("draft"), eos })
  const whole = await ended.client.completions.create(asked)
  const same = await generated({ eos })
  expect(whole.choices[0]).toMatchObject({ text: same.text, finish_reason: "stop" })
  expect(whole.usage!.completion_tokens).toBe(same.tokens.length)
  await ended.close()
})

test("several prompts, also as ids, and several texts of each", async () => {
  const whole = await client.completions.create({ ...asked, prompt: words, n: 2 })
  expect(whole.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5])
  for (const [i, word] of words.entries())
    for (const choice of whole.choices.slice(2 * i, 2 * i + 2))
      expect(choice.text).toBe((await generated({ prompt: word })).text)
  const ids = await client.completions.create({ ...asked, prompt: wordIds })
  expect(ids.choices.map(({ text }) => text)).toEqual([0, 2, 4].map((i) => whole.choices[i]!.text))
  const sampled = await client.completions.create({ ...asked, temperature: 1, seed: 1, n: 3 })
  expect(new Set(sampled.choices.map(({ text }) => text)).size).toBe(3)
})

test("a conversation goes through the template, whole and as a stream", async () => {
  const content = "How many?"
  const rendered = `User: ${content}\n\nAssistant: `
  const chat = { model: "target", messages: [{ role: "user", content }], temperature: 0 } as const
  const { text } = await generated({ prompt: rendered, maxNew: 8 })
  const whole = await client.chat.completions.create({ ...chat, messages: [...chat.messages], max_tokens: 8 })
  expect(whole.choices[0]!.message).toMatchObject({ role: "assistant", content: text })
  expect(whole).toMatchObject({ object: "chat.completion" })
  const messages = [{ role: "user" as const, content: [{ type: "text" as const, text: content }] }]
  const stream = await client.chat.completions.create({ ...chat, messages, max_completion_tokens: 8, stream: true })
  const deltas = (await Array.fromAsync(stream)).map(({ choices }) => choices[0]!)
  expect(deltas[0]!.delta).toEqual({ role: "assistant", content: "" })
  expect(deltas.map(({ delta }) => delta.content ?? "").join("")).toBe(text)
  expect(deltas.at(-1)!.finish_reason).toBe("length")
  // Without a limit of its own a turn goes on to the end of the context.
  const open = await client.chat.completions.create({ ...chat, messages: [...chat.messages] })
  expect(open.usage!.total_tokens).toBe(48)
})

test("texts that are decoded at once are those that are decoded alone", async () => {
  const busy = await open({ draft: at("draft"), atOnce: 6 })
  const seeds = [1, 2, 3, 4, 5, 6]
  const each = { ...asked, temperature: 1 }
  const all = await Promise.all(seeds.map((seed) => busy.client.completions.create({ ...each, seed })))
  const alone = await Promise.all(seeds.map((seed) => generated({ temperature: 1, seed })))
  expect(all.map(({ choices }) => choices[0]!.text)).toEqual(alone.map(({ text }) => text))
  await busy.close()
})

test("an automatic draft length: the same text by the same seed", async () => {
  const auto = await open({ draft: at("draft"), draftLength: "auto" })
  const text = async () =>
    (await auto.client.completions.create({ ...asked, temperature: 1, seed: 3 })).choices[0]!.text
  expect(await text()).toBe(await text())
  expect((await auto.client.completions.create(asked)).choices[0]!.text).toBe((await generated()).text)
  await auto.close()
})

test("the target alone, a plugin's proposals and trees give the same text", async () => {
  const { text } = await generated()
  const tree = { widths: [2, 1], siblings: "drawn" as const }
  for (const changes of [{ proposer: "ngram" }, { draft: at("draft"), tree }, {}]) {
    const other = await open(changes)
    const { choices, usage } = await other.client.completions.create(asked)
    expect(choices[0]!.text).toBe(text)
    expect(draftOf(usage) === null).toBe(Object.keys(changes).length === 0)
    await other.close()
  }
})

test("refusals have OpenAI's form: its client's classes, codes and fields", async () => {
  const unknown = await refusal(client.completions.create({ ...asked, model: "targt" }))
  expect(unknown).toBeInstanceOf(NotFoundError)
  expect(unknown).toMatchObject({ code: "model_not_found", param: "model", type: "invalid_request_error" })
  for (const [changes, code, param, text] of [
    [{ temperature: -1 }, "invalid_value", "temperature", "temperature must be"],
    [{ top_p: 0 }, "invalid_value", "top_p", "top_p must be"],
    [{ stop: "" }, "invalid_value", "stop", "stop"],
    [{ max_tokens: 0 }, "invalid_value", "max_tokens", "at least 1"],
    [{ frequency_penalty: 0.5 }, "unsupported_parameter", "frequency_penalty", "is not followed here"],
    [{ logprobs: 3 }, "unsupported_parameter", "logprobs", "is not followed here"],
    [{ temprature: 1 }, "unknown_parameter", "temprature", "did you mean temperature?"],
    [{ prompt: prompt.repeat(9) }, "context_length_exceeded", "prompt", "maximum context length is 48 tokens"],
    [{ prompt: "" }, null, "prompt", "0 tokens"],
    [{ prompt: [1, V] }, "invalid_value", "prompt", "expected integers of the vocabulary"],
  ] as const) {
    const error = await refusal(client.completions.create({ ...asked, ...changes } as never))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error).toMatchObject({ code, param, type: "invalid_request_error" })
    expect(error.message).toContain(text)
  }
  // Neutral values of fields that are not followed, and facts about the client, change nothing.
  const neutral = { frequency_penalty: 0, logit_bias: {}, user: "me", echo: false, best_of: 1 }
  expect((await client.completions.create({ ...asked, ...neutral })).choices[0]!.text).toBe((await generated()).text)
  const mute = await open({ chatTemplate: undefined })
  const chat = mute.client.chat.completions.create({ model: "target", messages: [{ role: "user", content: "x" }] })
  expect(await refusal(chat)).toMatchObject({ status: 400, code: "no_chat_template" })
  await mute.close()
})

test("paths, methods, bodies that are no JSON, and pages of elsewhere are refused", async () => {
  const at = (path: string, init?: RequestInit) => fetch(server.url.replace("/v1", path), init)
  expect((await at("/v1/embeddings")).status).toBe(404)
  expect((await at("/%")).status).toBe(404)
  expect((await at("/v1/completions")).status).toBe(405)
  const broken = await at("/v1/completions", { method: "POST", body: "{" })
  expect(broken.status).toBe(400)
  expect(await broken.json()).toMatchObject({ error: { code: "invalid_body", type: "invalid_request_error" } })
  expect((await at("/health", { headers: { origin: "https://example.org" } })).status).toBe(403)
  expect((await at("/health", { headers: { host: "example.org" } })).status).toBe(403)
  expect((await at("/health", { headers: { origin: "http://localhost:3000" } })).status).toBe(200)
})

test("the command: one line with its address; Ctrl-C ends it; a port that is taken is refused", async () => {
  const child = startCli(["serve", "--target", at("target"), "--port", "0", "--name", "mine"], {})
  const reader = child.stdout.getReader()
  const line = new TextDecoder().decode((await reader.read()).value)
  reader.releaseLock()
  const url = /^mine at (http:\/\/127\.0\.0\.1:\d+\/v1) \(the target alone\); Ctrl-C ends it\n$/.exec(line)?.[1]
  expect(url).toBeDefined()
  const own = new OpenAI({ baseURL: url!, apiKey: "none" })
  const { choices } = await own.completions.create({ ...asked, model: "mine" })
  expect(choices[0]!.text).toBe((await generated()).text)
  const port = new URL(url!).port
  const second = await runCli(["serve", "--target", at("target"), "--port", port], {})
  expect([second.code, second.out]).toEqual([1, ""])
  expect(second.err).toContain(`--port ${port}: another program listens there`)
  child.kill("SIGINT")
  expect(await child.exited).toBe(130)
  expect(await new Response(child.stderr).text()).toContain("no chat template")
})

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))
const until = async (holds: () => Promise<boolean>) => {
  while (!(await holds())) await turn()
}

test("texts share the time, others wait in order, too many are refused, and a client that goes ends its text", async () => {
  await saved("long", modelOf(0, { max_position_embeddings: 2 ** 17 }), { eos_token_id: null })
  const before = tf.memory().numTensors
  const { client, url, close } = await open({ target: at("long") })
  const long = { ...asked, model: "long", max_tokens: 100_000, stream: true } as const
  const first = await client.completions.create(long)
  const second = await client.completions.create(long)
  await until(async () => (await health(url))["running"] === 2)
  const ended: Array<string> = []
  const short = (name: string) =>
    client.completions.create({ ...asked, model: "long" }).then(({ choices }) => {
      ended.push(name)
      return choices[0]!.text
    })
  const third = short("third")
  await until(async () => (await health(url))["waiting"] === 1)
  const fourth = short("fourth")
  await until(async () => (await health(url))["waiting"] === 2)
  expect(await refusal(short("fifth"))).toMatchObject({ status: 429, code: "queue_full", type: "rate_limit_error" })
  expect(await refusal(client.completions.create(long))).toMatchObject({ status: 429 })
  first.controller.abort()
  const texts = await Promise.all([third, fourth])
  // One of the two long texts still runs: short ones pass it.
  expect(await health(url)).toMatchObject({ running: 1, waiting: 0, served: 2 })
  expect(ended).toEqual(["third", "fourth"])
  const { text } = await generated({ target: at("long") })
  expect(texts).toEqual([text, text])
  // A request that waits for its whole text is ended by its client too.
  const gone = new AbortController()
  const whole = client.completions.create({ ...long, stream: false }, { signal: gone.signal })
  await until(async () => (await health(url))["running"] === 2)
  gone.abort()
  await refusal(whole)
  await until(async () => (await health(url))["running"] === 1)
  await close()
  await expect(Array.fromAsync(second)).rejects.toThrow("the server was stopped")
  expect(tf.memory().numTensors).toBe(before)
  await expect(fetch(url.replace("/v1", "/health"))).rejects.toThrow()
})
