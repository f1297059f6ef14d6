import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { DerivedFile, ServedFile } from "@winnow/core"
import { sha256 } from "@winnow/files"
import { Effect } from "effect"
import { makeDatasets } from "./datasets.ts"

const text = '{"a":1}\n{"a":2}\n'
const served = new Map<string, () => Response>([
  ["/whole.jsonl", () => new Response(text)],
  ["/longer.jsonl", () => new Response(`${text}{"a":3}\n`)],
  ["/other.jsonl", () => new Response(text.replace("1", "7"))],
  ["/short.jsonl", () => new Response(text.slice(0, 5))],
  ["/down.jsonl", () => new Response("", { status: 503 })],
])
let asked: Array<string> = []
let server: ReturnType<typeof Bun.serve>
let root: string

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "winnow-datasets-"))
  server = Bun.serve({
    port: 0,
    fetch: (request) => {
      const { pathname } = new URL(request.url)
      asked.push(pathname)
      return served.get(pathname)?.() ?? new Response("", { status: 404 })
    },
  })
})
afterAll(async () => {
  await server.stop(true)
  await rm(root, { recursive: true })
})

const file = (name: string, changes: Partial<ServedFile> = {}): ServedFile => ({
  path: "set/file.jsonl",
  url: new URL(name, server.url).href,
  sha256: sha256(text),
  bytes: text.length,
  licence: "MIT",
  ...changes,
})

/** Fresh folders, holding what is given. */
const places = async (held: { folder?: string; cache?: string } = {}) => {
  asked = []
  const at = await mkdtemp(join(root, "run-"))
  const [folder, cache] = [join(at, "folder"), join(at, "cache")]
  for (const [place, content] of [
    [folder, held.folder],
    [cache, held.cache],
  ] as const) {
    if (content === undefined) continue
    await mkdir(dirname(join(place, "set/file.jsonl")), { recursive: true })
    await writeFile(join(place, "set/file.jsonl"), content)
  }
  return { folder, cache }
}

test("WINNOW_DATA comes first, then the cache, without a download", async () => {
  const both = await places({ folder: text, cache: text })
  expect(await Effect.runPromise(makeDatasets(both).locate(file("/whole.jsonl")))).toStartWith(both.folder)
  const cached = await places({ cache: text })
  expect(await Effect.runPromise(makeDatasets(cached).locate(file("/whole.jsonl")))).toStartWith(cached.cache)
  expect(asked).toEqual([])
})

test("a missing file is downloaded once, with its progress, and no temporary file stays", async () => {
  const at = await places()
  const progress: Array<number> = []
  const datasets = makeDatasets({ ...at, onProgress: ({ received }) => progress.push(received) })
  expect(await Effect.runPromise(datasets.lines(file("/whole.jsonl")))).toEqual([{ a: 1 }, { a: 2 }])
  expect(await Effect.runPromise(datasets.locate(file("/whole.jsonl")))).toBe(join(at.cache, "set/file.jsonl"))
  expect(asked).toEqual(["/whole.jsonl"])
  expect(progress.at(-1)).toBe(text.length)
  expect(await readdir(join(at.cache, "set"))).toEqual(["file.jsonl"])
})

test("a wrong file in the cache is replaced, one in WINNOW_DATA left alone", async () => {
  const at = await places({ folder: "mine", cache: "half a fi" })
  const path = await Effect.runPromise(makeDatasets(at).locate(file("/whole.jsonl")))
  expect(await readFile(path, "utf8")).toBe(text)
  expect(await readFile(join(at.folder, "set/file.jsonl"), "utf8")).toBe("mine")
})

test("a file that is the start of what is served is taken from it", async () => {
  const at = await places()
  const start = file("/longer.jsonl", { startOf: true })
  expect(await Effect.runPromise(makeDatasets(at).lines(start))).toEqual([{ a: 1 }, { a: 2 }])
})

test("two downloads at once both end in the right file", async () => {
  const at = await places()
  const both = Effect.all(
    [0, 1].map(() => makeDatasets(at).lines(file("/whole.jsonl"))),
    { concurrency: 2 },
  )
  expect(await Effect.runPromise(both)).toEqual(Array(2).fill([{ a: 1 }, { a: 2 }]))
  expect(await readdir(join(at.cache, "set"))).toEqual(["file.jsonl"])
})

test("the error lists the three places and what was wrong with each", async () => {
  const at = await places({ folder: text.replace("1", "8"), cache: "half" })
  const error = await Effect.runPromise(Effect.flip(makeDatasets(at).locate(file("/missing.jsonl"))))
  expect(error._tag).toBe("DataError")
  const lines = error.message.split("\n")
  expect(lines[0]).toBe(
    `data set set/file.jsonl (16 bytes, SHA-256 ${sha256(text)}) was found in none of three places:`,
  )
  expect(lines[1]).toContain(`1. in WINNOW_DATA, ${join(at.folder, "set/file.jsonl")} has SHA-256`)
  expect(lines[2]).toBe(`  2. in the cache, ${join(at.cache, "set/file.jsonl")} has 4 bytes, expected 16`)
  expect(lines[3]).toContain("3. from its source, http://")
  expect(lines[3]).toContain("answered 404")
})

test("each failure of a download has its own message", async () => {
  const failure = async (name: string, left: ReadonlyArray<string> = []) => {
    const { cache } = await places()
    const error = await Effect.runPromise(Effect.flip(makeDatasets({ folder: undefined, cache }).locate(file(name))))
    expect(await readdir(join(cache, "set"))).toEqual([...left])
    return error.message
  }
  expect(await failure("/other.jsonl")).toContain("serves a file with SHA-256")
  expect(await failure("/longer.jsonl")).toContain("serves more than 16 bytes: another file")
  expect(await failure("/short.jsonl", ["file.jsonl.partial"])).toContain("ended after 5 of 16 bytes")
  expect(asked.length).toBeGreaterThan(2) // tried again: a connection may break
  expect(await failure("/down.jsonl")).toContain("answered 503")
  expect(await failure("/missing.jsonl")).toContain("WINNOW_DATA is not set; set it to a folder that holds set/file")
  expect(await failure("http://127.0.0.1:9/nothing")).toContain("could not be reached")
})

test("a cache that cannot be written gives an error", async () => {
  const { folder } = await places()
  await writeFile(join(root, "no-folder"), "")
  const error = await Effect.runPromise(
    Effect.flip(makeDatasets({ folder, cache: join(root, "no-folder") }).locate(file("/whole.jsonl"))),
  )
  expect(error.message).toContain("could not be saved")
})

test("a file that lies gzipped in WINNOW_DATA is unpacked into the cache", async () => {
  const { folder, cache } = await places()
  await mkdir(join(folder, "set"), { recursive: true })
  const packed = join(folder, "set/file.jsonl.gz")
  await writeFile(packed, Bun.gzipSync(new TextEncoder().encode(text)))
  expect(await Effect.runPromise(makeDatasets({ folder, cache }).lines(file("/none")))).toEqual([{ a: 1 }, { a: 2 }])
  expect(await readFile(join(cache, "set/file.jsonl"), "utf8")).toBe(text)

  await rm(join(cache, "set"), { recursive: true })
  for (const [content, problem] of [
    [Bun.gzipSync(new TextEncoder().encode(text.replace("1", "8"))), "set/file.jsonl.gz has SHA-256"],
    [new TextEncoder().encode("no gzip"), "set/file.jsonl.gz could not be unpacked"],
  ] as const) {
    await writeFile(packed, content)
    const error = await Effect.runPromise(Effect.flip(makeDatasets({ folder, cache }).locate(file("/none"))))
    expect(error.message).toContain("was found in none of four places")
    expect(error.message).toContain(problem)
    expect(existsSync(join(cache, "set/file.jsonl"))).toBe(false)
  }
})

test("a file is made from the one that is served, and only if it comes out as it should", async () => {
  const places1 = await places()
  const { url: _, ...last } = file("", { path: "set/last.jsonl", sha256: sha256('{"a":2}\n'), bytes: 8 })
  const whole = file("/whole.jsonl", { path: "set/whole.jsonl" })
  const by = (served: Uint8Array) => `${new TextDecoder().decode(served).split("\n")[1]}\n`
  const derived: DerivedFile = { ...last, of: [whole], by: (served) => by(served!) }
  expect(await Effect.runPromise(makeDatasets(places1).lines(derived))).toEqual([{ a: 2 }])
  expect(await Effect.runPromise(makeDatasets(places1).lines(derived))).toEqual([{ a: 2 }])
  expect(asked).toEqual(["/whole.jsonl"])
  expect((await readdir(join(places1.cache, "set"))).sort()).toEqual(["last.jsonl", "whole.jsonl"])

  const failure = async (wrong: DerivedFile) => {
    const at = await places()
    return (await Effect.runPromise(Effect.flip(makeDatasets(at).locate(wrong)))).message
  }
  expect(await failure({ ...derived, by: () => "another" })).toContain("3. made from set/whole.jsonl, it has SHA-256")
  const thrown = () => {
    throw new Error("no such split")
  }
  expect(await failure({ ...derived, by: thrown })).toContain("it could not be unpacked: Error: no such split")
  const {
    length,
    3: made,
    4: first,
    6: third,
    7: remedy,
  } = (await failure({ ...derived, of: [file("/missing.jsonl", { path: "set/whole.jsonl" })] })).split("\n")
  expect([length, made]).toEqual([8, expect.stringContaining("  3. made from set/whole.jsonl, but data set set/whole")])
  expect([first, third]).toEqual([expect.stringMatching(/^ {5}1\. /), expect.stringContaining("answered 404")])
  expect(remedy).toBe("Put the file in one of the folders, or run again with a connection.")

  const again = { ...derived, of: [whole, whole], by: (a, b) => `${by(a!)}${by(b!)}` } satisfies DerivedFile
  expect(await failure(again)).toContain("made from set/whole.jsonl and set/whole.jsonl, it has SHA-256")
  const twice = { ...again, path: "set/twice.jsonl", sha256: sha256('{"a":2}\n{"a":2}\n'), bytes: 16 }
  expect(await Effect.runPromise(makeDatasets(places1).lines(twice))).toEqual([{ a: 2 }, { a: 2 }])
})

test("a line that is no JSON is named, and one that is no UTF-8", async () => {
  const { folder, cache } = await places()
  await mkdir(folder, { recursive: true })
  const broken = '{"a":1}\n{"a":\n'
  await writeFile(join(folder, "broken.jsonl"), broken)
  const bad = file("/none", { path: "broken.jsonl", bytes: broken.length, sha256: sha256(broken) })
  const error = await Effect.runPromise(Effect.flip(makeDatasets({ folder, cache }).lines(bad)))
  expect(error.message).toContain("line 2 is no JSON")

  const latin = Buffer.from('{"a":1}\n{"a":2}\n{"a":"caf\u00e9"}\n', "latin1")
  await writeFile(join(folder, "latin.jsonl"), latin)
  const odd = file("/none", { path: "latin.jsonl", bytes: latin.length, sha256: sha256(latin) })
  const refused = await Effect.runPromise(Effect.flip(makeDatasets({ folder, cache }).lines(odd)))
  expect(refused.message).toContain("latin.jsonl could not be read: Error: line 3 is not UTF-8")
})

test("a file of one's own lies beside the experiment, else in the current folder, else nowhere", async () => {
  const at = await mkdtemp(join(root, "own-"))
  await writeFile(join(at, "package.json"), "{}")
  const own = (path: string, beside?: string) =>
    Effect.runPromise(Effect.result(makeDatasets({ folder: undefined, cache: at, beside }).own(path)))
  expect(await own("package.json", at)).toMatchObject({ success: join(at, "package.json") })
  expect(await own("package.json")).toMatchObject({ success: join(process.cwd(), "package.json") })
  expect(await own(join(at, "package.json"))).toMatchObject({ success: join(at, "package.json") })
  expect(await own("gone.txt", at)).toMatchObject({
    failure: {
      message: `there is no gone.txt: looked for ${join(at, "gone.txt")} and ${join(process.cwd(), "gone.txt")}`,
    },
  })
  expect(await own("/gone.txt", at)).toMatchObject({ failure: { message: "there is no /gone.txt" } })
})
