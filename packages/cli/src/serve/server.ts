/** The server: an OpenAI-compatible endpoint on the loopback address. */
import { InvalidInput } from "@winnow/core"
import { parameterRatio, type SpeculativeOptions } from "@winnow/decoding"
import { type WrittenText, writeText } from "../text/write-text.ts"
import type { Writer } from "../text/writer.ts"
import { formsOf, usageOf } from "./answers.ts"
import { ApiError, apiErrorOf } from "./api-error.ts"
import { chatRequest, completionRequest, type RequestRules, type TextRequest } from "./text-request.ts"
import { Turns } from "./turns.ts"

/** Settings of a server. */
export interface ServerSettings extends RequestRules {
  readonly writer: Writer
  /** gamma; 0 of the target alone. */
  readonly draftLength: number | "auto"
  /** 0: any free port. */
  readonly port: number
  /** Texts that are decoded at once. */
  readonly atOnce: number
  /** Texts that wait at most. */
  readonly queue: number
}

/** A server that listens. */
export interface RunningServer {
  /** The base address that clients take, such as http://127.0.0.1:8000/v1. */
  readonly url: string
  /** Ends every text, and waits until no model is in use. */
  readonly close: () => Promise<void>
}

/** Most bytes of a body. */
const MOST = 2 ** 24
/** The only address: whoever wants another puts a server with rules of its own before this one. */
const LOOPBACK = "127.0.0.1"

const isLoopback = (host: string): boolean => /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host)

/** @error ApiError for requests that a web page of elsewhere sent to this machine by a name of its own, or from its origin */
const requireLoopback = ({ headers }: Request): void => {
  const [host, origin] = [headers.get("host") ?? "", headers.get("origin")]
  if (isLoopback(host) && (origin === null || isLoopback(origin.replace(/^https?:\/\//, "")))) return
  throw new ApiError(403, `this server answers programs of this machine only, at ${LOOPBACK} or localhost`)
}

/**
 * The option of a draft length. Where a request has a seed, an automatic length follows acceptance alone: by times that
 * are measured the same seed would give other blocks, and so another text.
 */
const draftLengthOf = (
  { draftLength, writer: { target, proposer } }: ServerSettings,
  { seeded }: TextRequest,
): SpeculativeOptions["draftLength"] => {
  if (draftLength !== "auto") return draftLength
  const costRatio = seeded && proposer !== undefined ? parameterRatio(target, proposer) : 0
  return costRatio > 0 ? { costRatio } : {}
}

const json = (body: object, status = 200): Response => Response.json(body, { status })

const refusal = (error: unknown): Response => {
  const refused = apiErrorOf(error)
  return json(refused.body, refused.status)
}

const bodyOf = async (request: Request): Promise<unknown> => {
  try {
    return await request.json()
  } catch (error) {
    throw new ApiError(400, `the body is no JSON: ${(error as Error).message}`, { code: "invalid_body" })
  }
}

/** A path as it was meant; a text that is no encoded path stays as it is. */
const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** The answers of one server, and its work. */
class Answering {
  readonly #turns: Turns
  readonly #closing = new AbortController()
  readonly #work = new Set<Promise<unknown>>()
  #served = 0

  constructor(readonly settings: ServerSettings) {
    this.#turns = new Turns(settings.atOnce, settings.queue)
  }

  /** Ends every text. */
  async close(): Promise<void> {
    this.#closing.abort(new ApiError(503, "the server was stopped"))
    await Promise.allSettled(this.#work)
  }

  async answer(request: Request): Promise<Response> {
    try {
      requireLoopback(request)
      return await this.#route(request, new URL(request.url).pathname)
    } catch (error) {
      return refusal(error)
    }
  }

  async #route(request: Request, path: string): Promise<Response> {
    const { settings } = this
    const about = { id: settings.model, object: "model", created: 0, owned_by: "winnow" }
    const routes: Readonly<Record<string, readonly [string, () => Promise<Response> | Response]>> = {
      "/health": ["GET", () => json({ status: "ok", model: settings.model, ...this.#load() })],
      "/v1/models": ["GET", () => json({ object: "list", data: [about] })],
      [`/v1/models/${settings.model}`]: ["GET", () => json(about)],
      "/v1/completions": [
        "POST",
        async () => this.#texts(await completionRequest(await bodyOf(request), settings), request),
      ],
      "/v1/chat/completions": [
        "POST",
        async () => this.#texts(await chatRequest(await bodyOf(request), settings), request),
      ],
    }
    const found = routes[decoded(path)]
    if (found === undefined) {
      const paths = Object.keys(routes).join(", ")
      throw new ApiError(404, `${path} is no path of this server; there are ${paths}`, { code: "not_found" })
    }
    const [method, answer] = found
    if (request.method !== method) throw new ApiError(405, `${path} takes ${method}, found ${request.method}`)
    return answer()
  }

  #load() {
    return { running: this.#turns.running, waiting: this.#turns.waiting, served: this.#served }
  }

  #texts(asked: TextRequest, request: Request): Promise<Response> | Response {
    this.#turns.requireRoom() // A stream that has begun cannot be refused by its status.
    const gone = new AbortController()
    const signal = AbortSignal.any([request.signal, gone.signal, this.#closing.signal])
    return asked.stream ? this.#streamed(asked, request.signal, gone, signal) : this.#whole(asked, signal)
  }

  async #whole(asked: TextRequest, signal: AbortSignal): Promise<Response> {
    const { writer, model } = this.settings
    const texts = await this.#written(asked, signal)
    return json(formsOf(asked, model).whole(texts, usageOf(asked, texts, writer.proposer !== undefined)))
  }

  /** @param gone aborted where the client leaves the stream; `client` where its connection ends */
  #streamed(asked: TextRequest, client: AbortSignal, gone: AbortController, signal: AbortSignal): Response {
    const { writer, model } = this.settings
    const forms = formsOf(asked, model)
    const encoder = new TextEncoder()
    const stream = new ReadableStream<Uint8Array>({
      start: async (controller) => {
        const send = (part: object | string | undefined): void => {
          if (part === undefined || client.aborted || gone.signal.aborted) return
          controller.enqueue(encoder.encode(`data: ${typeof part === "string" ? part : JSON.stringify(part)}\n\n`))
        }
        try {
          const texts = await this.#written(asked, signal, {
            begin: (index) => send(forms.begin(index)),
            piece: (index, text) => send(text === "" ? undefined : forms.piece(index, text)),
            end: (index, { finish }) => send(forms.end(index, finish)),
          })
          if (asked.usage) send(forms.usage(usageOf(asked, texts, writer.proposer !== undefined)))
          send("[DONE]")
        } catch (error) {
          send(apiErrorOf(error).body)
        } finally {
          if (!gone.signal.aborted) controller.close()
        }
      },
      cancel: () => gone.abort(new Error("the client is gone")),
    })
    return new Response(stream, {
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
    })
  }

  /** Writes the texts of a request one after another, each in a turn of its own. */
  #written(
    asked: TextRequest,
    signal: AbortSignal,
    to: {
      readonly begin?: (index: number) => void
      readonly piece?: (index: number, text: string) => void
      readonly end?: (index: number, text: WrittenText) => void
    } = {},
  ): Promise<ReadonlyArray<WrittenText>> {
    const { prompts, n, stops, options } = asked
    const { settings } = this
    const work = async () => {
      const texts: Array<WrittenText> = []
      for (let index = 0; index < prompts.length * n; index++) {
        const text = await this.#turns.within(signal, () => {
          to.begin?.(index)
          const decoding = { ...options, draftLength: draftLengthOf(settings, asked), index }
          const write = to.piece && ((piece: { readonly text: string }) => to.piece!(index, piece.text))
          const hooks = { stops, signal, ...(write && { write }) }
          return writeText(settings.writer, prompts[Math.floor(index / n)]!, decoding, hooks)
        })
        to.end?.(index, text)
        texts.push(text)
        this.#served++
      }
      return texts
    }
    const promise = work()
    this.#work.add(promise)
    return promise.finally(() => this.#work.delete(promise))
  }
}

/**
 * Starts a server.
 *
 * @error InvalidInput (thrown) for a port that another program has
 */
export const startServer = (settings: ServerSettings): RunningServer => {
  const answering = new Answering(settings)
  try {
    const server = Bun.serve({
      hostname: LOOPBACK,
      port: settings.port,
      // A text may take long, and longer in the queue.
      idleTimeout: 0,
      maxRequestBodySize: MOST,
      fetch: (request) => answering.answer(request),
    })
    return {
      url: `http://${LOOPBACK}:${server.port}/v1`,
      close: async () => {
        await answering.close()
        await server.stop(true)
      },
    }
  } catch (error) {
    if ((error as { readonly code?: string }).code !== "EADDRINUSE") throw error
    const problem = "another program listens there; give another port, or --port 0 for a free one"
    throw new InvalidInput({ what: `--port ${settings.port}`, problems: [problem] })
  }
}
