/** One answer of a server in a download: what its status and headers mean, and its bytes as they arrive. */

/** The network as downloads use it; `globalThis.fetch` is one. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>

/** A download that ended without its file. The message begins with the URL. */
export class DownloadFailed extends Error {
  override readonly name = "DownloadFailed"

  constructor(
    readonly url: string,
    /** `network`: another attempt may succeed. `refused`: the server said no. `other`: it serves another file. */
    readonly kind: "network" | "refused" | "other",
    /** The failure in words, to follow the URL: "answered 404 Not Found". */
    readonly problem: string,
  ) {
    super(`${url} ${problem}`)
  }
}

/** Why an answer has to be asked for again. */
export interface Break {
  readonly problem: string
  /** Milliseconds that the server asks to wait. */
  readonly wait?: number
}

/** An answer that brings bytes. */
export interface Answer {
  /** Place of its first byte in the file. */
  readonly from: number
  /** Bytes of the whole file, where the server says them. */
  readonly total: number | undefined
  /** The server's name for this version of the file, if it is a strong one. */
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
 * Asks for a file from byte `have` on.
 *
 * @returns a break for a connection that fails and for a server that is busy (408, 429, 5xx)
 * @error DownloadFailed for any other status, and for a redirection from HTTPS to plain HTTP
 */
export const openAnswer = async (
  url: string,
  { have, etag }: { readonly have: number; readonly etag: string | undefined },
  options: Asking,
): Promise<Answer | Break> => {
  const { idle = 60_000, signal } = options
  const get = options.fetch ?? ((asked, init) => globalThis.fetch(asked, init))
  const silent = new AbortController()
  const watch = () => setTimeout(() => silent.abort(), idle)
  let timer = watch()
  const broken = (error: unknown, doing: string): Break => ({
    problem: silent.signal.aborted ? `sent nothing for ${idle / 1000} s` : `${doing}: ${reasonOf(error)}`,
  })
  const done = () => clearTimeout(timer)
  let response: Response
  try {
    response = await get(url, {
      // Bytes as they lie on the server, so that a place in the answer is a place in the file.
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
    throw new DownloadFailed(url, "refused", problem)
  }
  if (url.startsWith("https:") && response.url.startsWith("http:"))
    await refuse(`leads to ${response.url}, which is not encrypted`)
  const status = `answered ${response.status} ${response.statusText}`.trimEnd()
  const busy = response.status >= 500 || response.status === 429 || response.status === 408
  const noSuchRange = response.status === 416 && have > 0
  if (busy || noSuchRange) {
    done()
    await response.body?.cancel()
    // The file ends where the next byte was asked for, or is another one than before.
    if (noSuchRange && response.headers.get("content-range") === `bytes */${have}`) return nothingLeft(have)
    if (noSuchRange) return await openAnswer(url, { have: 0, etag: undefined }, options)
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN)
    return { problem: status, ...(seconds >= 0 ? { wait: seconds * 1000 } : {}) }
  }
  if ((response.status !== 200 && response.status !== 206) || response.body === null) await refuse(status)
  const place = placeOf(response, have)
  if (place.from !== 0 && place.from !== have)
    await refuse(`sends the bytes from ${place.from} on, asked for those from ${have} on`)
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

/** Headers that ask for the rest of a file, and for all of it where the file has changed since. */
const rangeOf = (have: number, etag: string | undefined): Record<string, string> =>
  have === 0 ? {} : { range: `bytes=${have}-`, ...(etag === undefined ? {} : { "if-range": etag }) }

const strongTag = (etag: string | null): string | undefined =>
  etag === null || etag.startsWith("W/") ? undefined : etag

/** The answer for a file that is whole already. */
const nothingLeft = (have: number): Answer => ({
  from: have,
  total: have,
  etag: undefined,
  next: async () => undefined,
  close: async () => {},
})

/** Where an answer's bytes lie in the file, by its headers. */
const placeOf = ({ status, headers }: Response, have: number): Pick<Answer, "from" | "total"> => {
  const length = Number(headers.get("content-length") ?? Number.NaN)
  if (status !== 206) return { from: 0, total: Number.isFinite(length) ? length : undefined }
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ?? []
  return { from: Number(from ?? have), total: total === undefined || total === "*" ? undefined : Number(total) }
}

/** Node and Bun hide the cause of a failed fetch one level down. */
const reasonOf = (error: unknown): string => {
  const { message, cause, code } = error as { message?: string; cause?: unknown; code?: string }
  const inner = cause instanceof Error ? `: ${cause.message}` : ""
  return `${message ?? String(error)}${inner}${code === undefined ? "" : ` (${code})`}`
}
