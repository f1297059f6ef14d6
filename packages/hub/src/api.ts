/** The two questions to a hub: the commit of a revision, and the files of a commit. */
import type { HubApiError } from "@huggingface/hub"
import { cut } from "@winnow/core"
import { networkReason } from "@winnow/files"
import type { HubReference } from "./reference.ts"
import type { HubSettings } from "./settings.ts"

/** A file of a commit, and the sum that its bytes must have. */
export interface HubFile {
  /** Its path in the repository, with "/" between folders. */
  readonly name: string
  readonly bytes: number
  /** For a file in LFS. */
  readonly sha256: string | undefined
  /** Git's sum of the blob: of the file itself where it is not in LFS. */
  readonly gitOid: string
}

/** Settings of requests to a hub; times in milliseconds. */
export interface Asking {
  readonly settings: HubSettings
  readonly reference: HubReference
  /** In place of the global one. */
  readonly fetch?: typeof fetch
  /** Number of consecutive failures after which a question is given up; 4 by default. */
  readonly patience?: number
  /** Wait after the first failure; doubled after each further one. 1 s by default. */
  readonly pause?: number
  /** A question without an answer after this time is repeated; 30 s by default. */
  readonly idle?: number
  readonly signal?: AbortSignal
  /** Gets the URL and the words for a failure before the wait for another attempt. */
  readonly onBreak?: (problem: string) => void
}

/** A question that got no answer, or a refusal. The message begins with the URL without its query. */
export class HubFailed extends Error {
  override readonly name = "HubFailed"

  constructor(
    readonly url: string,
    /** The failure in words, as text after the URL. */
    readonly problem: string,
    /** The status of a refusal; undefined if the hub cannot be reached. */
    readonly status: number | undefined,
  ) {
    super(`${url.split("?")[0]} ${problem}`)
  }
}

/** A server that is busy, or has a temporary fault. */
const isBusy = (status: number) => status === 429 || status === 408 || status >= 500

const longestPause = 60_000

/**
 * Repeats a question until there is an answer that another attempt would not change; the token goes with each request
 * to the endpoint.
 */
const patiently = ({
  settings,
  patience = 4,
  pause = 1000,
  idle = 30_000,
  signal,
  ...asking
}: Asking): typeof fetch => {
  const { token, endpoint } = settings
  const ask = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const url = String(input instanceof Request ? input.url : input)
    const headers = new Headers(init?.headers)
    if (token !== undefined && new URL(url).origin === new URL(endpoint).origin)
      headers.set("authorization", `Bearer ${token}`)
    for (let breaks = 1; ; breaks++) {
      let problem: string
      let wait: number | undefined
      let status: number | undefined
      try {
        const late = AbortSignal.timeout(idle)
        const both = signal === undefined ? late : AbortSignal.any([signal, late])
        const response = await (asking.fetch ?? fetch)(url, { ...init, headers, signal: both })
        if (!isBusy(response.status)) return response
        await response.body?.cancel()
        status = response.status
        problem = `answered ${response.status} ${response.statusText}`.trimEnd()
        const seconds = Number(response.headers.get("retry-after") ?? Number.NaN)
        if (seconds >= 0) wait = seconds * 1000
      } catch (error) {
        signal?.throwIfAborted()
        problem = `could not be reached: ${networkReason(error)}`
      }
      const failed = new HubFailed(url, problem, status === 429 ? status : undefined)
      if (breaks > patience) throw failed
      asking.onBreak?.(failed.message)
      await Bun.sleep(Math.min(longestPause, wait ?? pause * 2 ** (breaks - 1)))
      signal?.throwIfAborted()
    }
  }
  return Object.assign(ask, { preconnect: fetch.preconnect })
}

/** Runs a question by the library. @error HubFailed */
const answerOf = async <A>(
  asking: Asking,
  question: (hub: typeof import("@huggingface/hub")) => Promise<A>,
): Promise<A> => {
  const hub = await import("@huggingface/hub") // The import takes a tenth of a second, which offline use avoids.
  try {
    return await question(hub)
  } catch (error) {
    if (error instanceof hub.HubApiError) {
      const { url, statusCode } = error as HubApiError
      throw new HubFailed(url, `answered ${statusCode}`, statusCode)
    }
    if (error instanceof HubFailed) throw error
    asking.signal?.throwIfAborted()
    throw new HubFailed(asking.settings.endpoint, `gave an answer that is none: ${(error as Error).message}`, undefined)
  }
}

/** The commit that a revision means now. @error HubFailed */
export const commitNow = (asking: Asking, revision: string): Promise<string> =>
  answerOf(asking, async ({ datasetInfo, modelInfo }) => {
    const { settings, reference } = asking
    const question = { name: reference.repo, revision, hubUrl: settings.endpoint, fetch: patiently(asking) }
    const { sha } =
      reference.kind === "dataset"
        ? await datasetInfo({ ...question, additionalFields: ["sha"] })
        : await modelInfo({ ...question, additionalFields: ["sha"] })
    if (!/^[0-9a-f]{40}$/.test(sha)) throw new Error(`a commit was expected (was ${JSON.stringify(sha)})`)
    return sha
  })

/** True of a path that stays in its folder on every system. */
const isInside = (path: string) =>
  path.split("/").every((part) => !["", ".", ".."].includes(part)) && !/[\\\0]|^[A-Za-z]:/.test(path)

/** The files of a commit: of a model at its top, of a data set in its folders too. @error HubFailed */
export const filesOf = (asking: Asking, commit: string): Promise<ReadonlyArray<HubFile>> =>
  answerOf(asking, async ({ listFiles }) => {
    const { settings, reference } = asking
    const { kind: type, repo: name } = reference
    const recursive = type === "dataset"
    const repo = { type, name }
    const question = { repo, recursive, revision: commit, hubUrl: settings.endpoint, fetch: patiently(asking) }
    const files: Array<HubFile> = []
    for await (const { type, path, size, oid, lfs } of listFiles(question)) {
      if (type !== "file" || (path.includes("/") && !recursive)) continue
      if (!isInside(path)) throw new Error(`${JSON.stringify(cut(path, 100))} lies outside of the repository`)
      const sums = [oid, lfs?.oid].map((sum) => (/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(sum ?? "") ? sum : undefined))
      if (sums[0] === undefined || (lfs !== undefined && sums[1] === undefined) || !Number.isSafeInteger(size))
        throw new Error(`${path} has no sum or size`)
      files.push({ name: path, bytes: lfs?.size ?? size, gitOid: sums[0], sha256: sums[1] })
    }
    return files
  })
