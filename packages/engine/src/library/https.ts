/**
 * Downloads a wheel from PyPI without pip: address and checksum from the JSON index, then a download that resumes after
 * a break.
 */
import { join } from "node:path"
import { DownloadFailed, type DownloadOptions, download, type Fetch } from "@winnow/files"
import { type } from "arktype"
import { AttemptFailed } from "./error.ts"
import type { Way } from "./way.ts"
import type { Wheel } from "./wheels.ts"

/** Settings of the way. */
export interface HttpsOptions extends Pick<DownloadOptions, "fetch" | "idle" | "patience" | "pause"> {
  /** Address of the JSON index, without a slash at its end. */
  readonly index?: string
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
export const httpsWay = ({ index = "https://pypi.org/pypi", ...options }: HttpsOptions = {}): Way => ({
  name: "https",
  get: async (wheel, folder, meter) => {
    const listed = await lookUp(wheel, index, options)
    if (wheel.sha256 !== undefined && listed.digests.sha256 !== wheel.sha256)
      throw new AttemptFailed(
        `${index} states SHA-256 ${listed.digests.sha256} for ${wheel.fileName}, expected ${wheel.sha256}`,
      )
    const path = join(folder, wheel.fileName)
    meter.start(`Downloading ${wheel.project} ${wheel.version}`, listed.size)
    // The caller compares the checksum, for every way.
    await download({ url: listed.url, bytes: listed.size, sha256: undefined }, path, {
      ...options,
      onProgress: meter.at,
    }).catch((cause: unknown) => {
      if (!(cause instanceof DownloadFailed)) throw cause
      throw new AttemptFailed(cause.message, cause.kind === "network" ? networkRemedy : undefined)
    })
    meter.end()
    return { path, stated: listed.digests.sha256 }
  },
})

const lookUp = async (wheel: Wheel, index: string, { fetch, idle = 60_000 }: HttpsOptions): Promise<Listed> => {
  const address = `${index}/${wheel.project}/${wheel.version}/json`
  const get: Fetch = fetch ?? ((url, init) => globalThis.fetch(url, init))
  let body: unknown
  try {
    const response = await get(address, { signal: AbortSignal.timeout(idle) })
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
