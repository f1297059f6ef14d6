/** One answer of a server in a download: the meaning of its status and headers, and its bytes as they arrive. */

/** The network as downloads use it; `globalThis.fetch` is one. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>

/** A download that ended without its file. The message begins with the URL. */
export class DownloadFailed extends Error {
  override readonly name = "DownloadFailed"

  constructor(
    readonly url: string,
    /** `network`: another attempt may succeed. `refused`: the server refused. `other`: the server has another file. */
    readonly kind: "network" | "refused" | "other",
    /** The failure in words that follow the URL: "answered 404 Not Found". */
    readonly problem: string,
    /** The status of a server that refused. */
    readonly status?: number,
  ) {
    super(`${url} ${problem}`)
  }
}

/** The reason for another request. */
export interface Break {
  readonly problem: string
  /** Milliseconds that the server asks the client to wait. */
  readonly wait?: number
}

/** An answer with bytes. */
export interface Answer {
  /** Offset of its first byte in the file. */
  readonly from: number
  /** Bytes of the whole file, if the server states them. */
  readonly total: number | undefined
  /** The server's name for this version of the file, if it is a strong ETag. */
  readonly etag: string | undefined
  /** The next bytes; undefined at the end. */
  readonly next: () => Promise<Uint8Array | Break | undefined>
  readonly close: () => Promise<void>
}

interface Asking {
  readonly fetch?: Fetch
  readonly headers?: Readonly<Record<string, string>>
  readonly idle?: number
  readonly signal?: AbortSignal
}

/**
 * Requests a file from byte `have` on.
 *
 * @returns a break if the connection fails or the server is busy (408, 429, 5xx)
 * @error DownloadFailed for any other status, and for a redirection from HTTPS to plain HTTP
 */
export const openAnswer = async (
  url: string,
  { have, etag }: { readonly have: number; readonly etag: string | undefined },
  options: Asking,
): Promise<Answer | Break> => {
  const { idle = 60_000, signal } = options
  const get = options.fetch ?? ((address, init) => globalThis.fetch(address, init))
  const silent = new AbortController()
  const watch = () => setTimeout(() => silent.abort(), idle)
  let timer = watch()
  const broken = (error: unknown, doing: string): Break => ({
    problem: silent.signal.aborted ? `sent nothing for ${idle / 1000} s` : `${doing}: ${networkReason(error)}`,
  })
  const done = () => clearTimeout(timer)
  let response: Response
  try {
    response = await get(url, {
      // Bytes without encoding, so that an offset in the answer is an offset in the file.
      headers: { ...options.headers, "accept-encoding": "identity", ...rangeOf(have, etag) },
      decompress: false,
      signal: signal === undefined ? silent.signal : AbortSignal.any([signal, silent.signal]),
    })
  } catch (error) {
    done()
    return broken(error, "could not be reached")
  }
  const refuse = async (problem: string): Promise<never> => {
    done()
    await response.body?.cancel()
    throw new DownloadFailed(url, "refused", problem, response.status)
  }
  if (url.startsWith("https:") && response.url.startsWith("http:"))
    await refuse(`leads to ${response.url}, which is not encrypted`)
  const status = `answered ${response.status} ${response.statusText}`.trimEnd()
  const busy = response.status >= 500 || response.status === 429 || response.status === 408
  const noSuchRange = response.status === 416 && have > 0
  if (busy || noSuchRange) {
    done()
    await response.body?.cancel()
    // The file ends at the requested byte, or it is another file than before.
    if (noSuchRange && response.headers.get("content-range") === `bytes */${have}`) return nothingLeft(have)
    if (noSuchRange) return await openAnswer(url, { have: 0, etag: undefined }, options)
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN)
    return { problem: status, ...(seconds >= 0 ? { wait: seconds * 1000 } : {}) }
  }
  if ((response.status !== 200 && response.status !== 206) || response.body === null) await refuse(status)
  const place = placeOf(response, have)
  if (place.from !== 0 && place.from !== have)
    await refuse(`sends bytes from ${place.from} on, expected bytes from ${have} on`)
  const reader = response.body!.getReader()
  return {
    ...place,
    etag: strongTag(response.headers.get("etag")),
    next: async () => {
      try {
        const { done: ended, value } = await reader.read()
        clearTimeout(timer)
        timer = watch()
        return ended ? undefined : value
      } catch (error) {
        return broken(error, "broke off")
      }
    },
    close: async () => {
      done()
      await reader.cancel().catch(() => {})
    },
  }
}

/** Headers that request the rest of a file, or the whole file if it has changed since. */
const rangeOf = (have: number, etag: string | undefined): Record<string, string> =>
  have === 0 ? {} : { range: `bytes=${have}-`, ...(etag === undefined ? {} : { "if-range": etag }) }

const strongTag = (etag: string | null): string | undefined =>
  etag === null || etag.startsWith("W/") ? undefined : etag

/** The answer for a file that is complete already. */
const nothingLeft = (have: number): Answer => ({
  from: have,
  total: have,
  etag: undefined,
  next: async () => undefined,
  close: async () => {},
})

/** Offset and total of an answer's bytes, from its headers. */
const placeOf = ({ status, headers }: Response, have: number): Pick<Answer, "from" | "total"> => {
  const length = Number(headers.get("content-length") ?? Number.NaN)
  if (status !== 206) return { from: 0, total: Number.isFinite(length) ? length : undefined }
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ?? []
  return { from: Number(from ?? have), total: total === undefined || total === "*" ? undefined : Number(total) }
}

/** Bun's advice to the programmer who called `fetch`. */
const advice = / (For more information, pass `verbose: true`|Is the computer able to access the url\?).*$/s

/**
 * The cause of a failed fetch in words for the user: Node and Bun hide it one level down, and Bun adds advice on its
 * own call.
 */
export const networkReason = (error: unknown): string => {
  const { message, cause, code } = error as { message?: string; cause?: unknown; code?: string }
  const text = (message ?? String(error)).replace(advice, "").replace(/\.$/, "")
  const inner = cause instanceof Error ? `: ${cause.message}` : ""
  return `${text}${inner}${code === undefined || text.includes(code) ? "" : ` (${code})`}`
}
