/** References against a hub on this machine: downloads, storage, checks and refusals. */
import { describe, expect, test } from "bun:test"
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { sha256 } from "@winnow/files"
import { Effect } from "effect"
import { fetchReference } from "./fetch-reference.ts"
import { type FetchOptions, type HubReport, HubReports } from "./fetching.ts"
import { commit, gitSum, localHub, type Misbehaviour, shardedFiles, someBytes } from "./local-hub.fixture.ts"
import { parseReference, referenceText } from "./reference.ts"
import { hubSettings } from "./settings.ts"

const quick = { pause: 1, patience: 2, idle: 2000 }

type Hub = ReturnType<typeof localHub>
const told: Array<HubReport> = []
const get = (hub: Hub, text = "hf:small/model", more: FetchOptions = {}, wanted: "model" | "tokenizer" = "model") =>
  Effect.runPromise(
    fetchReference(text, wanted, { settings: hub.settings, ...quick, ...more }).pipe(
      Effect.provideService(HubReports, (report) => void told.push(report)),
    ),
  )
const failure = (hub: Hub, text?: string, more?: FetchOptions): Promise<Error> =>
  get(hub, text, more).then(
    () => {
      throw new Error("nothing failed")
    },
    (error) => error,
  )
const root = (hub: Hub) => join(hub.settings.cache, "models--small--model")
const namesIn = (folder: string) => readdirSync(folder).toSorted()
const asked = (hub: Hub) => hub.seen.map(({ what, file }) => `${what} ${file}`)

describe("references", () => {
  test.each([
    ["hf:datasets/owner/name", "owner/name", undefined],
    ["hf:datasets/squad@refs/convert/parquet", "squad", "refs/convert/parquet"],
    ["hf:owner/name", "owner/name", undefined],
    ["hf:gpt2", "gpt2", undefined],
    ["hf:Qwen/Qwen2.5-0.5B@main", "Qwen/Qwen2.5-0.5B", "main"],
    ["hf:o/n_x@refs/pr/12", "o/n_x", "refs/pr/12"],
    [`hf:o/n@${commit}`, "o/n", commit],
  ])("%s", (text, repo, revision) => {
    const kind = text.includes("datasets/") ? "dataset" : "model"
    expect(parseReference(text)).toEqual({ kind, repo, revision })
    expect(referenceText({ kind, repo, revision })).toBe(text)
  })
  test.each([
    ...["hf:", "hf:a/b/c", "hf:../x", "hf:a/..", "hf:a/b@", "hf:a/b@../../etc", "hf:a/b@x/../y", "hf:a b/c"],
    ...[
      "hf:datasets/",
      "hf:datasets/a/b/c",
      "hf:a/b@c@d",
      "hf:a--b/c",
      "hf:/a",
      "hf:a/",
      "hf:a/b?x",
      "hf:a/b@x y",
      "hf:a/b@.hidden",
      "hf:a/b.git",
    ],
  ])("%s is refused", (text) => {
    expect(() => parseReference(text)).toThrow(/^hf:.*: expected hf:(datasets\/)?owner\/name/)
  })
})

test("settings are those of huggingface_hub", () => {
  const of = (env: Record<string, string>) => hubSettings({ HOME: "/nowhere", ...env })
  expect(of({})).toEqual({
    ...{
      endpoint: "https://huggingface.co",
      cache: "/nowhere/.cache/huggingface/hub",
      token: undefined,
      offline: false,
    },
  })
  expect(of({ XDG_CACHE_HOME: "/x" }).cache).toBe("/x/huggingface/hub")
  expect(of({ HF_HOME: "~/y", XDG_CACHE_HOME: "/x" }).cache).toBe("/nowhere/y/hub")
  expect(of({ HF_HUB_CACHE: "/z", HF_HOME: "/y" }).cache).toBe("/z")
  expect(of({ HF_ENDPOINT: "http://mirror:8080/" }).endpoint).toBe("http://mirror:8080")
  expect([of({ HF_HUB_OFFLINE: "1" }).offline, of({ HF_HUB_OFFLINE: "0" }).offline]).toEqual([true, false])
  expect(of({ HF_TOKEN: " hf_a\n" }).token).toBe("hf_a")
})

test("the token is read from its file where the environment has none", () => {
  using hub = localHub({})
  writeFileSync(join(hub.home, "token"), "hf_of_file\n")
  expect(hubSettings({ HF_HOME: hub.home }).token).toBe("hf_of_file")
  expect(hubSettings({ HF_HOME: hub.home, HF_TOKEN: "hf_b" }).token).toBe("hf_b")
  expect(hubSettings({ HF_HOME: "/nowhere", HF_TOKEN_PATH: join(hub.home, "token") }).token).toBe("hf_of_file")
})

describe("downloads", () => {
  test("configuration, weights and tokenizer, in the layout of huggingface_hub; a second time nothing but the commit", async () => {
    using hub = localHub(shardedFiles)
    const { folder, ...rest } = await get(hub)
    expect(rest.commit).toBe(commit)
    expect(folder).toBe(join(root(hub), "snapshots", commit))
    const wanted = Object.keys(shardedFiles).filter((name) => !/bin|README/.test(name))
    expect(namesIn(folder)).toEqual(wanted.toSorted())
    for (const name of wanted) expect(sha256(readFileSync(join(folder, name)))).toBe(sha256(shardedFiles[name]!))
    // Links are relative, so that the cache can be moved; a blob's name is its checksum.
    expect(readlinkSync(join(folder, "config.json"))).toBe(`../../blobs/${gitSum(shardedFiles["config.json"]!)}`)
    expect(readlinkSync(join(folder, "model-2-of-2.safetensors"))).toBe(
      `../../blobs/${sha256(shardedFiles["model-2-of-2.safetensors"]!)}`,
    )
    expect(readFileSync(join(root(hub), "refs", "main"), "utf8")).toBe(commit)
    expect(namesIn(join(root(hub), "blobs")).length).toBe(wanted.length)
    expect(existsSync(join(root(hub), ".no_exist", commit, "generation_config.json"))).toBe(true)
    const before = hub.seen.length
    await get(hub)
    expect(asked(hub).slice(before)).toEqual(["revision main"])
    await get(hub, `hf:small/model@${commit}`)
    expect(hub.seen.length).toBe(before + 1)
  })

  test("a revision with a slash has its own ref; a tokenizer costs no weights", async () => {
    using hub = localHub(shardedFiles)
    const { folder } = await get(hub, "hf:small/model@refs/pr/1", {}, "tokenizer")
    expect(namesIn(folder)).toEqual(["tokenizer.json"])
    expect(readFileSync(join(root(hub), "refs/refs/pr/1"), "utf8")).toBe(commit)
    expect(asked(hub)[0]).toBe("revision refs/pr/1")
  })

  test("a model in one file needs no shards", async () => {
    using hub = localHub({ ...shardedFiles, "model.safetensors": someBytes(40) })
    expect(namesIn((await get(hub)).folder)).toEqual(["config.json", "model.safetensors", "tokenizer.json"])
  })

  test("files that another tool left in the cache are found, without the hub", async () => {
    using hub = localHub(shardedFiles)
    const blobs = join(root(hub), "blobs")
    const snapshot = join(root(hub), "snapshots", commit)
    for (const folder of [blobs, snapshot, join(root(hub), "refs")]) mkdirSync(folder, { recursive: true })
    writeFileSync(join(root(hub), "refs", "main"), commit)
    for (const name of ["config.json", "model.safetensors"]) {
      writeFileSync(join(blobs, name), "x")
      symlinkSync(`../../blobs/${name}`, join(snapshot, name))
    }
    const offline = { ...hub.settings, offline: true }
    expect((await get(hub, "hf:small/model", { settings: offline })).folder).toBe(snapshot)
    expect(hub.seen).toEqual([])
  })

  test("the token goes to the hub, and not to the server that it leads to", async () => {
    using hub = localHub(shardedFiles)
    await get(hub, "hf:small/model", { settings: { ...hub.settings, token: "secret" } })
    const tokens = Map.groupBy(hub.seen, ({ what }) => what)
    for (const what of ["revision", "tree", "resolve"])
      expect(new Set(tokens.get(what)!.map(({ token }) => token))).toEqual(new Set(["Bearer secret"]))
    expect(tokens.get("bytes")!.map(({ token }) => token)).toEqual([null, null])
  })
})

const large = "model-1-of-2.safetensors"

/** The first `count` bytes of the requested rest, then a broken connection. */
const cut =
  (count: number): Misbehaviour =>
  ({ what, file, from }, nth) => {
    if (what !== "bytes" || file !== large || nth > 1) return undefined
    const bytes = shardedFiles[file]!
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(bytes.slice(from, from + count))
        controller.close()
      },
    })
    return new Response(body, { headers: { "content-type": "application/octet-stream" } })
  }

describe("a server that misbehaves", () => {
  test("a broken connection resumes with a range request", async () => {
    using hub = localHub(shardedFiles, cut(1000))
    told.length = 0
    const { folder } = await get(hub)
    expect(told.flatMap((report) => (report._tag === "note" ? [report.text] : []))).toEqual([
      expect.stringMatching(/^hf:small\/model: http:\S+ ended after 1000 of 60000 bytes; trying again$/),
    ])
    expect(sha256(readFileSync(join(folder, large)))).toBe(sha256(shardedFiles[large]!))
    expect(hub.seen.filter(({ what, file }) => what === "bytes" && file === large).map(({ from }) => from)).toEqual([
      ...[0, 1000],
    ])
  })

  test("429 with retry-after is waited for, of questions and of files", async () => {
    const busy = (seconds: string) => new Response("slow down", { status: 429, headers: { "retry-after": seconds } })
    using hub = localHub(shardedFiles, ({ what, file }, nth) =>
      nth === 1 && (what === "revision" || what === "tree" || file === large) ? busy("0.2") : undefined,
    )
    const began = performance.now()
    await get(hub)
    expect(performance.now() - began).toBeGreaterThan(550) // Three waits of 0.2 s.
    expect(asked(hub).filter((what) => what === "revision main").length).toBe(2)
  })

  test("wrong bytes are refused, and leave nothing behind", async () => {
    const wrong = someBytes(60_000, 5)
    using hub = localHub(shardedFiles, ({ what, file }) =>
      what === "bytes" && file === large ? new Response(wrong) : undefined,
    )
    const { message, _tag } = (await failure(hub)) as Error & { _tag: string }
    expect(_tag).toBe("DataError")
    expect(message).toContain(`serves a file with SHA-256 ${sha256(wrong)}, expected ${sha256(shardedFiles[large]!)}`)
    expect(existsSync(join(root(hub), "snapshots", commit, large))).toBe(false)
    expect(namesIn(join(root(hub), "blobs")).filter((name) => !/^[0-9a-f]+$/.test(name))).toEqual([])
  })

  test("wrong bytes of a small file are refused by git's sum", async () => {
    const wrong = new TextEncoder().encode('{"model_type":"gpt_2"}') // Its length is that of the right one.
    using hub = localHub(shardedFiles, ({ what, file }) =>
      what === "resolve" && file === "config.json" ? new Response(wrong) : undefined,
    )
    const { message } = await failure(hub)
    expect(message).toContain(`serves a file with git's sum ${gitSum(wrong)}, expected`)
  })

  test.each([
    [401, /answered 401; there is no such repository, or it is private or gated: .*set HF_TOKEN/],
    [403, /answered 403; .*accept its terms on its page, and set HF_TOKEN/],
    [404, /answered 404; there is no such repository: check the name/],
    [429, /answered 429 Too Many Requests; too many requests/],
  ])("%d gives an error with its remedy", async (status, says) => {
    using hub = localHub(shardedFiles, () => Response.json({ error: "no" }, { status }))
    const { message, _tag } = (await failure(hub)) as Error & { _tag: string }
    expect([_tag, message.startsWith("hf:small/model: http://127.0.0.1:")]).toEqual(["DataError", true])
    expect(message).toMatch(says)
  })

  test("a token that does not suffice is not printed", async () => {
    using hub = localHub(shardedFiles, ({ what }) =>
      what === "resolve" ? new Response("", { status: 403 }) : undefined,
    )
    const { message } = await failure(hub, undefined, { settings: { ...hub.settings, token: "hf_secret" } })
    expect(message).toContain("accept its terms on its page, and set another token: this one may not read it")
    expect(message).not.toContain("hf_secret")
  })

  test("a revision that there is not, and a repository that there is not", async () => {
    using hub = localHub(shardedFiles)
    expect((await failure(hub, "hf:small/model@nope")).message).toContain("no such repository or revision")
    expect((await failure(hub, "hf:large/model")).message).toContain("no such repository")
  })

  test("an answer that is no answer", async () => {
    using hub = localHub(shardedFiles, ({ what }) =>
      what === "revision" ? Response.json({ sha: "../.." }) : undefined,
    )
    expect((await failure(hub)).message).toContain('gave an answer that is none: a commit was expected (was "../..")')
    using page = localHub(shardedFiles, () => new Response("<html>sign in</html>"))
    expect((await failure(page)).message).toContain("gave an answer that is none")
  })
})

describe("a repository without a model", () => {
  const { "model.safetensors.index.json": index, ...others } = shardedFiles
  test.each([
    [{ "README.md": someBytes(3) }, "has no config.json"],
    [
      { "config.json": someBytes(3), "pytorch_model.bin": someBytes(3) },
      "has pytorch_model.bin; weights are read from model.safetensors",
    ],
    [{ ...others, "model.safetensors.index.json": someBytes(9) }, "weight_map names no shards"],
    [
      { "config.json": someBytes(3), "model.safetensors.index.json": index! },
      "it names model-1-of-2.safetensors, which is not there",
    ],
  ])("%#", async (files, says) => {
    using hub = localHub(files)
    const error = (await failure(hub)) as Error & { _tag: string }
    expect([error._tag, error.message.includes(says)]).toEqual(["InvalidInput", true])
  })
})

describe("out of reach", () => {
  test("files in the cache are used, and a report says so", async () => {
    using hub = localHub(shardedFiles)
    const { folder } = await get(hub)
    hub.stop()
    told.length = 0
    expect((await get(hub)).folder).toBe(folder)
    expect(told.map((report) => report._tag === "note" && report.text)).toEqual([
      expect.stringMatching(/^hf:small\/model: http:\S+ could not be reached: ECONNREFUSED: [^?]*; trying again$/),
      expect.stringMatching(
        /revision\/main could not be reached: ECONNREFUSED: [^?]*; commit 0123456789ab of the cache is used$/,
      ),
    ])
  })

  test("with an empty cache it is an error with the remedy", async () => {
    using hub = localHub(shardedFiles)
    hub.stop()
    expect((await failure(hub)).message).toMatch(/could not be reached: .*; check the connection and HF_ENDPOINT/)
  })

  test("offline there is no request, and the error names the missing files", async () => {
    using hub = localHub(shardedFiles)
    const settings = { ...hub.settings, offline: true }
    expect((await failure(hub, undefined, { settings })).message).toContain("main is not in its cache")
    const whole = await failure(hub, `hf:small/model@${commit}`, { settings })
    expect(whole.message).toContain("commit 0123456789ab is not whole in its cache")
    expect(hub.seen).toEqual([])
    await get(hub)
    hub.seen.length = 0
    expect((await get(hub, undefined, { settings })).commit).toBe(commit)
    expect(hub.seen).toEqual([])
  })
})

describe("several processes", () => {
  const script = join(import.meta.dir, "fetch.fixture.ts")
  const start = (hub: Hub) =>
    Bun.spawn([process.execPath, script], {
      env: { ...process.env, HF_ENDPOINT: hub.settings.endpoint, HF_HUB_CACHE: hub.settings.cache, HF_TOKEN: "" },
      stdout: "pipe",
      stderr: "inherit",
    })

  /** Sends a file piece by piece. */
  const slowly: Misbehaviour = ({ what, file, from }) => {
    if (what !== "bytes" || file !== large) return undefined
    const bytes = shardedFiles[file]!
    let at = from
    const body = new ReadableStream({
      pull: async (controller) => {
        await Bun.sleep(30)
        controller.enqueue(bytes.slice(at, at + 3000))
        at += 3000
        if (at >= bytes.length) controller.close()
      },
    })
    const range = { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }
    return new Response(body, { status: from > 0 ? 206 : 200, headers: from > 0 ? range : {} })
  }

  test("two at once fetch each file once", async () => {
    using hub = localHub(shardedFiles, slowly)
    const both = [start(hub), start(hub)]
    const folders = await Promise.all(both.map(({ stdout }) => new Response(stdout).text()))
    expect(await Promise.all(both.map(({ exited }) => exited))).toEqual([0, 0])
    expect(new Set(folders)).toEqual(new Set([`${join(root(hub), "snapshots", commit)}\n`]))
    expect(hub.seen.filter(({ what }) => what === "bytes").length).toBe(2) // Two shards.
  })

  test("one that is killed in the middle is gone on with", async () => {
    using hub = localHub(shardedFiles, slowly)
    const child = start(hub)
    const partial = join(root(hub), "blobs", `${sha256(shardedFiles[large]!)}.partial`)
    while (!existsSync(partial) || Bun.file(partial).size < 6000) await Bun.sleep(5)
    child.kill("SIGKILL")
    await child.exited
    expect(existsSync(join(root(hub), "snapshots", commit, large))).toBe(false)
    const { folder } = await get(hub)
    expect(sha256(readFileSync(join(folder, large)))).toBe(sha256(shardedFiles[large]!))
    expect(hub.seen.filter(({ what, file }) => what === "bytes" && file === large).at(-1)!.from).toBeGreaterThanOrEqual(
      6000,
    )
    expect(namesIn(join(root(hub), "blobs")).filter((name) => !/^[0-9a-f]+$/.test(name))).toEqual([])
  })
})
