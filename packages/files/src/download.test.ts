/** Downloads from a server in this process that misbehaves in the ways of real servers. */
import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type DownloadOptions, download, type RemoteFile } from "./download.ts"
import { DownloadFailed, networkReason } from "./download-answer.ts"
import { sha256 } from "./hash.ts"

const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919 + (i >> 3)) % 251)
const other = bytes.map((byte) => 255 - byte)
const sum = sha256(bytes)

const startOf = (request: Request) => Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0)

/** The bytes of `content` that a request asks for, at most `count` of them, and then the end of the connection. */
const rest = (request: Request, content = bytes, count = content.length, headers: Record<string, string> = {}) => {
  const from = startOf(request)
  const range = { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` }
  const body = new ReadableStream({
    start: (controller) => {
      controller.enqueue(content.slice(from, from + count))
      controller.close()
    },
  })
  return new Response(body, { status: from > 0 ? 206 : 200, headers: { ...(from > 0 ? range : {}), ...headers } })
}

/** A server whose `answer` sees each request, the first as number 1, and a folder to download to. */
const setUp = (answer: (request: Request, nth: number) => Response | Promise<Response>) => {
  const firstBytes: Array<number> = []
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => answer(request, firstBytes.push(startOf(request))),
  })
  const folder = mkdtempSync(join(tmpdir(), "winnow-download-"))
  const path = join(folder, "deep", "file")
  return {
    path,
    firstBytes,
    url: `${server.url.origin}/file`,
    names: () => readdirSync(join(folder, "deep")),
    get: async (remote: Partial<RemoteFile> = {}, options: DownloadOptions = {}) => {
      const whole = { url: `${server.url.origin}/file`, bytes: bytes.length, sha256: sum, ...remote }
      await download(whole, path, { pause: 1, patience: 2, idle: 2000, ...options })
      return sha256(readFileSync(path))
    },
    [Symbol.dispose]: () => {
      server.stop(true)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const failure = (promise: Promise<unknown>): Promise<DownloadFailed> =>
  promise.then(
    () => {
      throw new Error("nothing failed")
    },
    (cause: unknown) => {
      expect(cause).toBeInstanceOf(DownloadFailed)
      return cause as DownloadFailed
    },
  )

test("a file is downloaded whole, with reports of progress, and leaves no other file", async () => {
  using from = setUp(() => new Response(bytes))
  const progress: Array<readonly [number, number | undefined]> = []
  expect(await from.get({}, { onProgress: (...counts) => progress.push(counts) })).toBe(sum)
  expect([progress[0], progress.at(-1)]).toEqual([
    [0, 5000],
    [5000, 5000],
  ])
  expect([from.names(), from.firstBytes]).toEqual([["file"], [0]])
})

test("a file of unknown size and sum is downloaded to its end", async () => {
  using from = setUp((request) => rest(request))
  expect(await from.get({ bytes: undefined, sha256: undefined })).toBe(sum)
})

test("a connection that is cut is continued from the break", async () => {
  using from = setUp((request, nth) => rest(request, bytes, nth < 4 ? 700 : bytes.length))
  expect(await from.get()).toBe(sum)
  // there are more breaks than its patience allows, but each request brought bytes
  expect(from.firstBytes).toEqual([0, 700, 1400, 2100])
})

test("a server without ranges is read from the beginning again", async () => {
  using from = setUp((_, nth) => (nth === 1 ? rest(new Request("http://a"), bytes, 1000) : new Response(bytes)))
  expect(await from.get({ sha256: undefined })).toBe(sum)
})

test("a file that changed between two requests is read from the beginning again", async () => {
  const tagged = (request: Request, nth: number) => {
    if (nth === 1) return rest(request, other, 1000, { etag: '"1"' })
    expect(request.headers.get("if-range")).toBe('"1"')
    return new Response(bytes, { headers: { etag: '"2"' } })
  }
  using from = setUp(tagged)
  expect(await from.get({ sha256: undefined })).toBe(sum)
  // This server names no versions: the sum shows that the parts belong to different files.
  using silent = setUp((request, nth) => (nth === 1 ? rest(request, other, 1000) : rest(request)))
  expect(await silent.get()).toBe(sum)
  expect(silent.firstBytes).toEqual([0, 1000, 0])
})

test("an attempt of a killed process is continued, but not one of another file", async () => {
  using from = setUp((request) => rest(request))
  await from.get()
  const partial = `${from.path}.partial`
  for (const [remains, requests] of [
    [bytes.subarray(0, 3000), [3000]],
    [bytes, []], // killed before the rename
    [other.subarray(0, 3000), [3000, 0]],
    [new Uint8Array(9000), [0]],
  ] as const) {
    rmSync(from.path)
    writeFileSync(partial, remains)
    from.firstBytes.length = 0
    expect(await from.get()).toBe(sum)
    expect([from.firstBytes, from.names()]).toEqual([[...requests], ["file"]])
  }
})

test("without a sum an earlier attempt is not reused", async () => {
  using from = setUp((request) => rest(request))
  await from.get()
  writeFileSync(`${from.path}.partial`, other.subarray(0, 100))
  from.firstBytes.length = 0
  expect(await from.get({ sha256: undefined })).toBe(sum)
  expect([from.firstBytes, from.names()]).toEqual([[0], ["file"]])
})

test("a complete partial file is recognised by the answer 416; one that is too long begins again", async () => {
  const answer = (request: Request) =>
    startOf(request) < bytes.length
      ? rest(request)
      : new Response("", { status: 416, headers: { "content-range": `bytes */${bytes.length}` } })
  using from = setUp(answer)
  await from.get()
  for (const [length, requests] of [
    [5000, [5000]],
    [5001, [5001, 0]],
  ] as const) {
    writeFileSync(`${from.path}.partial`, Buffer.concat([bytes, bytes]).subarray(0, length))
    rmSync(from.path)
    from.firstBytes.length = 0
    expect(await from.get({ bytes: undefined })).toBe(sum)
    expect(from.firstBytes).toEqual([...requests])
  }
})

test("bytes from another offset than the requested one are refused", async () => {
  const misplaced = () =>
    new Response(bytes.slice(20), { status: 206, headers: { "content-range": "bytes 20-4999/5000" } })
  using from = setUp((request, nth) => (nth === 1 ? rest(request, bytes, 10) : misplaced()))
  expect((await failure(from.get())).message).toBe(`${from.url} sends bytes from 20 on, expected bytes from 10 on`)
})

test("a request to a busy server is repeated after the time that the server names; a refusal is final", async () => {
  const busy = (status: number, headers = {}) => new Response("", { status, headers })
  using from = setUp((_, nth) =>
    nth === 1 ? busy(503) : nth === 2 ? busy(429, { "retry-after": "0" }) : new Response(bytes),
  )
  const started = performance.now()
  expect(await from.get({}, { pause: 40 })).toBe(sum)
  expect(performance.now() - started).toBeGreaterThan(35)
  for (const [status, words] of [
    [401, "answered 401 Unauthorized"],
    [404, "answered 404 Not Found"],
  ] as const) {
    using refusing = setUp(() => new Response("", { status }))
    const { kind, problem } = await failure(refusing.get())
    expect({ kind, problem, requests: refusing.firstBytes.length }).toEqual({
      kind: "refused",
      problem: words,
      requests: 1,
    })
  }
})

test("redirections are followed", async () => {
  using to = setUp((request, nth) => rest(request, bytes, nth === 1 ? 100 : bytes.length))
  using from = setUp(() => Response.redirect(to.url))
  expect(await from.get()).toBe(sum)
  expect(to.firstBytes).toEqual([0, 100])
  using circle = setUp(() => Response.redirect("/file"))
  expect((await failure(circle.get({}, { patience: 0 }))).kind).toBe("network")
})

test("a redirection from HTTPS to plain HTTP is refused", async () => {
  using from = setUp(() => new Response(bytes))
  const plain = Object.defineProperty(new Response(bytes), "url", { value: "http://elsewhere/file" })
  const failed = await failure(from.get({ url: "https://secure/file" }, { fetch: async () => plain }))
  expect(failed.message).toBe("https://secure/file leads to http://elsewhere/file, which is not encrypted")
})

test("a silent connection is given up; its bytes stay for the next attempt", async () => {
  using silent = setUp(() => new Promise<Response>(() => {}))
  expect((await failure(silent.get({}, { idle: 30 }))).problem).toBe("sent nothing for 0.03 s")
  expect(silent.names()).toEqual([])
  using stuck = setUp((request) =>
    startOf(request) > 0
      ? rest(request)
      : new Response(new ReadableStream({ start: (controller) => controller.enqueue(bytes.slice(0, 10)) })),
  )
  const { kind, problem } = await failure(stuck.get({}, { idle: 50, patience: 0 }))
  expect([kind, problem]).toEqual(["network", "sent nothing for 0.05 s, after 10 bytes of 5000"])
  expect(readFileSync(`${stuck.path}.partial`)).toEqual(Buffer.from(bytes.subarray(0, 10)))
  expect(await stuck.get()).toBe(sum)
})

test("a server that cannot be reached is reported", async () => {
  using from = setUp(() => new Response(bytes))
  const { kind, problem } = await failure(from.get({ url: "http://127.0.0.1:9/nothing" }))
  expect([kind, problem]).toEqual(["network", expect.stringMatching(/^could not be reached: .*ECONNREFUSED/)])
  expect(problem).not.toContain("?") // Bun asks the programmer a question.
})

test("a failed fetch is told in words for the user", () => {
  const reset =
    "The socket connection was closed unexpectedly. For more information, pass `verbose: true` in the second argument to fetch()"
  expect(networkReason(Object.assign(new Error(reset), { code: "ECONNRESET" }))).toBe(
    "The socket connection was closed unexpectedly (ECONNRESET)",
  )
  expect(networkReason(new Error("fetch failed", { cause: new Error("no route") }))).toBe("fetch failed: no route")
})

test("another file is refused by its size or its sum, and no file stays", async () => {
  using wrong = setUp(() => new Response(other))
  const { kind, problem } = await failure(wrong.get())
  expect([kind, problem]).toEqual([
    "other",
    `serves a file with SHA-256 ${sha256(other)}, expected ${sum}: another file`,
  ])
  expect(wrong.names()).toEqual([])
  const large = Buffer.concat([bytes, bytes])
  using stated = setUp(() => new Response(large))
  using unstated = setUp((request) => rest(request, large))
  for (const from of [stated, unstated]) {
    expect((await failure(from.get())).problem).toBe("serves more than 5000 bytes: another file")
    expect((await failure(from.get({ bytes: undefined }, { most: 6000 }))).problem).toBe(
      "serves more than 6000 bytes, which is the limit",
    )
    expect(from.names()).toEqual([])
  }
})

test("a file that is the start of the served bytes is cut from them", async () => {
  const large = Buffer.concat([bytes, bytes])
  using from = setUp((request, nth) => rest(request, large, nth === 1 ? 100 : large.length))
  expect(await from.get({ startOf: true })).toBe(sum)
  expect(from.names()).toEqual(["file"])
})

test("several downloads of one file at once make one request", async () => {
  using from = setUp(async () => {
    await Bun.sleep(50)
    return new Response(bytes)
  })
  expect(await Promise.all([1, 2, 3].map(() => from.get()))).toEqual([sum, sum, sum])
  expect(from.firstBytes).toEqual([0])
  expect(from.names()).toEqual(["file"])
})

test("an abort ends a download, even one that waits for another", async () => {
  using from = setUp(async (request) => {
    await Bun.sleep(300)
    return rest(request)
  })
  const stop = new AbortController()
  const first = from.get()
  await Bun.sleep(30)
  const second = from.get({}, { signal: stop.signal }).catch((cause: unknown) => cause)
  stop.abort(new Error("stopped"))
  expect(await second).toMatchObject({ message: "stopped" })
  expect(await first).toBe(sum)
  rmSync(from.path)
  const third = from.get({}, { signal: AbortSignal.timeout(20) }).catch((cause: Error) => cause.name)
  expect(await third).toBe("TimeoutError")
  expect(existsSync(from.path)).toBe(false)
})

test("a folder that cannot be written gives a FileError", async () => {
  using from = setUp(() => new Response(bytes))
  await from.get()
  const remote = { url: from.url, bytes: bytes.length, sha256: sum }
  await expect(download(remote, join(from.path, "below"))).rejects.toMatchObject({ _tag: "FileError" })
})
