/**
 * The server of a live page: on the loopback address, with a token in its address.
 *
 * Other programs of this machine and pages of the web can reach a port of the loopback address. The token keeps them
 * out, and the host of a request has to be this server's own: a page of elsewhere could give this machine a name of its own.
 */
import { timingSafeEqual } from "node:crypto"
import { InvalidInput } from "@winnow/core"
import { Clients } from "./clients.ts"
import type { LiveMessage } from "./message.ts"
import { livePage } from "./page.ts"
import type { WatchSource } from "./source.ts"

/** Milliseconds between two looks at the run, while a page is open. */
const EVERY = 1000
/** Milliseconds that an open page has at the end to fetch reports. */
const PATIENCE = 3000
/** Looks without news after which a sign of life is sent: a lost connection is then noticed. */
const SILENCE = 10
const LOOPBACK = "127.0.0.1"

/** A server that listens. */
export interface Watching {
  /** With the token. */
  readonly url: string
  /** Tells open pages that the run has ended, and stops. */
  readonly close: () => Promise<void>
}

const refusal = (status: number, text: string): Response => new Response(`${text}\n`, { status, headers: plain })

const common = { "cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff" }
const plain = { ...common, "content-type": "text/plain; charset=utf-8" }
const html = { ...common, "content-type": "text/html; charset=utf-8", "x-frame-options": "DENY" }
const events = { ...common, "content-type": "text/event-stream" }

/** True for equal texts; the time that it takes does not tell where they differ. */
const isSame = (a: string, b: string): boolean => {
  const [of, other] = [Buffer.from(a), Buffer.from(b)]
  return of.length === other.length && timingSafeEqual(of, other)
}

/**
 * Starts the server.
 *
 * @param port 0: any free port
 * @error InvalidInput for a port that is taken
 */
export const startWatching = async (source: WatchSource, port = 0): Promise<Watching> => {
  const page = await livePage()
  const token = Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("base64url")
  const clients = new Clients()
  let silent = 0
  const textOf = (message: LiveMessage) => `data: ${JSON.stringify(message)}\n\n`
  const look = () => {
    if (clients.size === 0) return
    const message = source.news()
    silent = message === undefined ? silent + 1 : 0
    if (message !== undefined) clients.send(textOf(message))
    else if (silent % SILENCE === 0) clients.send(": alive\n\n")
  }
  const first = () => {
    look() // Other pages get their news first: reading takes them.
    return `retry: 1000\n${textOf(source.whole())}`
  }

  const answer = (request: Request, own: ReadonlyArray<string>): Response => {
    const { headers, method } = request
    const origin = headers.get("origin")
    if (
      !own.includes(headers.get("host") ?? "") ||
      (origin !== null && !own.includes(origin.replace(/^http:\/\//, "")))
    )
      return refusal(403, "this page is read on this machine only, at the address that its command printed")
    const [, given = "", ...rest] = new URL(request.url).pathname.split("/")
    if (!isSame(given, token))
      return refusal(403, "the address lacks the token of this page; open the address that its command printed")
    if (method !== "GET" && method !== "HEAD") return refusal(405, `found ${method}, expected GET`)
    const path = rest.join("/")
    if (rest.length === 0) return new Response(null, { status: 308, headers: { ...common, location: `/${token}/` } })
    if (path === "") return new Response(page, { headers: html })
    if (path === "events") return new Response(clients.open(first, request.signal), { headers: events })
    const place = /^report\/(\d{1,6})$/.exec(path)?.[1]
    const report = place === undefined ? undefined : source.report(Number(place))
    return report === undefined ? refusal(404, "there is no such page") : new Response(report, { headers: html })
  }

  let own: ReadonlyArray<string> = []
  const server = (() => {
    try {
      return Bun.serve({
        hostname: LOOPBACK,
        port,
        idleTimeout: 0, // A quiet run is no lost connection.
        fetch: (request) => answer(request, own),
      })
    } catch (error) {
      const problems = [
        `cannot listen on ${LOOPBACK}:${port}: ${(error as Error).message}; name another port, or 0 for any`,
      ]
      throw new InvalidInput({ what: `--port ${port}`, problems })
    }
  })()
  own = [LOOPBACK, "localhost"].map((name) => `${name}:${server.port}`)
  const timer = setInterval(look, EVERY)
  timer.unref()
  return {
    url: `http://${LOOPBACK}:${server.port}/${token}/`,
    close: async () => {
      clearInterval(timer)
      const last = source.end()
      clients.send(textOf(last))
      // A page closes its connection once it has the reports.
      for (const end = Date.now() + PATIENCE; clients.size > 0 && Date.now() < end; ) await Bun.sleep(20)
      await server.stop(true)
    },
  }
}
