/** The way over HTTPS, against a server in this process that misbehaves like real servers. */
import { expect, test } from "bun:test"
import { join } from "node:path"
import { sha256 } from "@winnow/files"
import { makeWheel, quietMeter, temporaryFolder, wheelOf } from "./fixtures.ts"
import { type HttpsOptions, httpsWay } from "./https.ts"

const bytes = makeWheel("linux-x86-64")
const wheel = wheelOf(bytes)

/** Serves the index and the wheel; `answer` sees each request of the wheel, the first as number 1. */
const serve = (answer: (request: Request, nth: number) => Response, page?: (origin: string) => unknown) => {
  let nth = 0
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, { url }) => {
      const { pathname } = new URL(request.url)
      if (pathname === "/pypi/tensorflow-cpu/9.9.9/json")
        return Response.json(page?.(url.origin) ?? listing(url.origin))
      return pathname === "/wheel" ? answer(request, ++nth) : new Response("no", { status: 404 })
    },
  })
  return { server, requests: () => nth, [Symbol.dispose]: () => void server.stop(true) }
}

const listing = (origin: string, sum = sha256(bytes)) => ({
  info: { name: "tensorflow-cpu" },
  urls: [
    { filename: "other.whl", url: `${origin}/other`, size: 1, digests: { sha256: "1".repeat(64) } },
    { filename: wheel.fileName, url: `${origin}/wheel`, size: bytes.length, digests: { sha256: sum }, yanked: false },
  ],
})

const get = async (from: ReturnType<typeof serve>, options: HttpsOptions = {}, asked = wheel) => {
  using folder = temporaryFolder()
  const way = httpsWay({ index: `${from.server.url.origin}/pypi`, pause: 1, patience: 2, idle: 2000, ...options })
  const { path, stated } = await way.get(asked, folder.path, quietMeter())
  expect(path).toBe(join(folder.path, wheel.fileName))
  return { sum: sha256(await Bun.file(path).bytes()), stated }
}

/** Sends only `count` bytes from `from` on, and then ends the connection. */
const part = (from: number, count: number, status: 200 | 206) =>
  new Response(
    new ReadableStream({
      start: (controller) => {
        controller.enqueue(bytes.slice(from, from + count))
        controller.close()
      },
    }),
    { status },
  )

const rangeOf = (request: Request) => Number(/bytes=(\d+)-/.exec(request.headers.get("range") ?? "bytes=0-")![1])

test("takes address and sum from the index", async () => {
  using from = serve(() => new Response(bytes))
  expect(await get(from)).toEqual({ sum: sha256(bytes), stated: sha256(bytes) })
  expect(from.requests()).toBe(1)
})

test("resumes a broken download", async () => {
  const asked: Array<number> = []
  using from = serve((request, nth) => {
    asked.push(rangeOf(request))
    return nth < 4 ? part(rangeOf(request), 700, nth === 1 ? 200 : 206) : part(rangeOf(request), bytes.length, 206)
  })
  expect((await get(from)).sum).toBe(sha256(bytes))
  expect(asked).toEqual([0, 700, 1400, 2100]) // There are more breaks than its patience allows, but each attempt brought bytes.
})

test("a server without ranges is read from the beginning again", async () => {
  using from = serve((_, nth) => (nth === 1 ? part(0, 1000, 200) : new Response(bytes)))
  expect((await get(from)).sum).toBe(sha256(bytes))
})

test("a busy server is asked again, a refusal is not", async () => {
  using busy = serve((_, nth) => (nth === 1 ? new Response("", { status: 503 }) : new Response(bytes)))
  expect((await get(busy)).sum).toBe(sha256(bytes))
  using refusing = serve(() => new Response("", { status: 403 }))
  await expect(get(refusing)).rejects.toThrow("/wheel answered 403")
  expect(refusing.requests()).toBe(1)
})

test("gives up when nothing more comes, with the bytes it had and a remedy", async () => {
  using from = serve((request) => part(rangeOf(request), rangeOf(request) === 0 ? 500 : 0, 206))
  const failure = await get(from).catch((cause: Error & { remedy?: string }) => cause)
  expect(failure).toMatchObject({
    message: expect.stringContaining(`/wheel ended after 500 of ${bytes.length} bytes`),
    remedy: expect.stringContaining("HTTPS_PROXY"),
  })
})

test("a connection that brings nothing any more is cut", async () => {
  using from = serve(
    () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(bytes.slice(0, 10)) })),
  )
  await expect(get(from, { idle: 50, patience: 1 })).rejects.toThrow("sent nothing for 0.05 s, after 10 bytes of")
})

test("more bytes than the index states are refused at once", async () => {
  using from = serve(() => new Response(Buffer.concat([bytes, bytes])))
  await expect(get(from)).rejects.toThrow(`serves more than ${bytes.length} bytes: another file`)
})

test("an index that contradicts the pinned sum is refused before downloading", async () => {
  using from = serve(
    () => new Response(bytes),
    (origin) => listing(origin, "a".repeat(64)),
  )
  await expect(get(from)).rejects.toThrow(
    `states SHA-256 ${"a".repeat(64)} for ${wheel.fileName}, expected ${wheel.sha256}`,
  )
  expect(from.requests()).toBe(0)
  expect((await get(from, {}, wheelOf(bytes, false))).stated).toBe("a".repeat(64)) // The caller then compares.
})

test("an index that is something else, lacks the wheel, or cannot be reached says so", async () => {
  const answer = () => new Response(bytes)
  using strange = serve(answer, () => ({ message: "welcome to the mirror" }))
  await expect(get(strange)).rejects.toThrow("was not understood: urls must be")
  using without = serve(answer, () => ({ urls: [] }))
  await expect(get(without)).rejects.toThrow(`does not list ${wheel.fileName}`)
  using from = serve(answer)
  await expect(get(from, { index: `${from.server.url.origin}/elsewhere` })).rejects.toThrow("json: HTTP 404")
  const offline = () => Promise.reject(new Error("getaddrinfo ENOTFOUND pypi.org"))
  const failure = await get(from, { fetch: offline }).catch((cause: Error & { remedy?: string }) => cause)
  expect(failure).toMatchObject({
    message: expect.stringContaining("ENOTFOUND"),
    remedy: expect.stringContaining("Connect to the network"),
  })
})
