/** Gets a wheel from PyPI without pip: address and sum from the JSON index, then a download that goes on after a break. */
import { open } from "node:fs/promises"
import { join } from "node:path"
import { type } from "arktype"
import { AttemptFailed } from "./error.ts"
import type { Meter } from "./progress.ts"
import type { Way } from "./way.ts"
import type { Wheel } from "./wheels.ts"

/** The network as it is used here; `globalThis.fetch` is one (it follows HTTPS_PROXY and NO_PROXY). */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>

/** Settings of the way; times in milliseconds. */
export interface HttpsOptions {
  readonly fetch?: Fetch
  /** Address of the JSON index, without a slash at its end. */
  readonly index?: string
  /** A connection that brings nothing for so long is given up. */
  readonly idle?: number
  /** Breaks in a row without a new byte, after which it is given up; between them 1, 2, 4... times `pause`. */
  readonly patience?: number
  readonly pause?: number
}

const IndexPage = type({
  urls: type({
    filename: "string",
    url: "string.url",
    size: "number.integer > 0",
    digests: { sha256: "string.hex == 64" },
  }).array(),
})
type Listed = (typeof IndexPage.infer)["urls"][number]

/** The way over HTTPS. */
export const httpsWay = (options: HttpsOptions = {}): Way => {
  const settings = {
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    index: options.index ?? "https://pypi.org/pypi",
    idle: options.idle ?? 60_000,
    patience: options.patience ?? 4,
    pause: options.pause ?? 1000,
  } satisfies Required<HttpsOptions>
  return {
    name: "https",
    get: async (wheel, folder, meter) => {
      const listed = await lookUp(wheel, settings)
      if (wheel.sha256 !== undefined && listed.digests.sha256 !== wheel.sha256)
        throw new AttemptFailed(
          `${settings.index} states SHA-256 ${listed.digests.sha256} for ${wheel.fileName}, expected ${wheel.sha256}`,
        )
      const path = join(folder, wheel.fileName)
      await download(listed, path, `${wheel.project} ${wheel.version}`, meter, settings)
      return { path, stated: listed.digests.sha256 }
    },
  }
}

const lookUp = async (wheel: Wheel, settings: Required<HttpsOptions>): Promise<Listed> => {
  const address = `${settings.index}/${wheel.project}/${wheel.version}/json`
  let body: unknown
  try {
    const response = await settings.fetch(address, { signal: AbortSignal.timeout(settings.idle) })
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    body = await response.json()
  } catch (cause) {
    throw new AttemptFailed(`${address}: ${(cause as Error).message}`, networkRemedy)
  }
  const page = IndexPage(body)
  if (page instanceof type.errors) throw new AttemptFailed(`${address} was not understood: ${page.summary}`)
  const listed = page.urls.find(({ filename }) => filename === wheel.fileName)
  if (listed === undefined) throw new AttemptFailed(`${address} does not list ${wheel.fileName}`)
  return listed
}

const networkRemedy = "Connect to the network, or set HTTPS_PROXY if one stands between, and try again."

const download = async (
  listed: Listed,
  path: string,
  name: string,
  meter: Meter,
  settings: Required<HttpsOptions>,
): Promise<void> => {
  const file = await open(path, "w")
  let have = 0
  meter.start(`Downloading ${name}`, listed.size)
  try {
    for (let breaks = 0; have < listed.size; ) {
      const before = have
      try {
        have = await receive(listed, have, settings, async (chunk, at) => {
          await file.write(chunk, 0, chunk.length, at)
          have = at + chunk.length
          meter.at(have)
        })
        if (have < listed.size) throw new Error("the connection ended early")
      } catch (cause) {
        const { code, message } = cause as NodeJS.ErrnoException
        if (code === "ENOSPC" || code === "EDQUOT" || cause instanceof AttemptFailed) throw cause
        breaks = have > before ? 1 : breaks + 1
        if (breaks > settings.patience)
          throw new AttemptFailed(
            `${listed.url} broke off after ${have} of ${listed.size} bytes: ${message}`,
            networkRemedy,
          )
        await Bun.sleep(settings.pause * 2 ** (breaks - 1))
      }
    }
    meter.end()
  } finally {
    await file.close()
  }
}

/** One request for the rest; returns the bytes that are there after it. A server without ranges begins anew. */
const receive = async (
  listed: Listed,
  from: number,
  settings: Required<HttpsOptions>,
  onChunk: (chunk: Uint8Array, at: number) => Promise<void>,
): Promise<number> => {
  const abort = new AbortController()
  const idle = () =>
    setTimeout(() => abort.abort(new Error(`nothing came for ${settings.idle / 1000} s`)), settings.idle)
  let timer = idle()
  try {
    const init = from > 0 ? { headers: { range: `bytes=${from}-` }, signal: abort.signal } : { signal: abort.signal }
    const response = await settings.fetch(listed.url, init)
    if (!response.ok) {
      if (response.status < 500 && response.status !== 429)
        throw new AttemptFailed(`${listed.url}: HTTP ${response.status}`)
      throw new Error(`HTTP ${response.status}`)
    }
    let at = response.status === 206 ? from : 0
    for await (const chunk of response.body ?? []) {
      clearTimeout(timer)
      timer = idle()
      if (at + chunk.length > listed.size)
        throw new AttemptFailed(`${listed.url} sent more than the ${listed.size} bytes that the index states`)
      await onChunk(chunk, at)
      at += chunk.length
    }
    return at
  } finally {
    clearTimeout(timer)
  }
}
