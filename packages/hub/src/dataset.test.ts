/** Data sets against a hub on this machine: the list of files, downloads of single files, the cache. */
import { expect, test } from "bun:test"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { sha256 } from "@winnow/files"
import { Effect } from "effect"
import { fetchDataset, pinnedDataset } from "./fetch-dataset.ts"
import { fetchReference } from "./fetch-reference.ts"
import { type FetchOptions, HubReports } from "./fetching.ts"
import { commit, gitSum, localHub, someBytes } from "./local-hub.fixture.ts"

const files = {
  "README.md": new TextEncoder().encode("# Data\n"),
  "data/train-00000-of-00001.parquet": someBytes(5000),
  "data/with space#.jsonl": someBytes(300, 3),
}
type Hub = ReturnType<typeof localHub>
const quick = { pause: 1, patience: 1, idle: 2000 }
const told: Array<string> = []
const run = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.runPromise(
    effect.pipe(
      Effect.provideService(HubReports, (report) => {
        if (report._tag === "note") told.push(report.text)
      }),
    ),
  )
const get = (hub: Hub, text = "hf:datasets/small/data", more: FetchOptions = {}) =>
  run(fetchDataset(text, { settings: hub.settings, ...quick, ...more }))
const refusal = (hub: Hub, text: string, more: FetchOptions = {}) =>
  run(Effect.flip(fetchDataset(text, { settings: hub.settings, ...quick, ...more })))
const asked = (hub: Hub) => hub.seen.map(({ what, file }) => `${what} ${file}`)

test("files are listed in all folders, and each is downloaded when it is asked for", async () => {
  using hub = localHub(files)
  const set = await get(hub)
  expect(set.commit).toBe(commit)
  expect(set.files.toSorted()).toEqual(Object.keys(files).toSorted())
  expect(asked(hub)).toEqual(["revision main", `tree ${commit}`])
  for (const name of ["data/train-00000-of-00001.parquet", "data/with space#.jsonl"] as const) {
    const place = await run(set.locate(name))
    expect(place).toBe(join(hub.settings.cache, "datasets--small--data", "snapshots", commit, name))
    expect(sha256(readFileSync(place))).toBe(sha256(files[name]))
  }
  expect(existsSync(join(hub.settings.cache, "datasets--small--data", "blobs", gitSum(files["README.md"])))).toBe(false)
  expect((await run(Effect.flip(set.locate("data/none.csv")))).message).toContain("has no file data/none.csv")
  // The list of a commit, and its files, are asked for once.
  hub.seen.length = 0
  const again = await get(hub)
  await run(again.locate("data/with space#.jsonl"))
  expect(asked(hub)).toEqual(["revision main"])
})

test("offline the cache is used; a file that it lacks is named", async () => {
  using hub = localHub(files)
  const offline = { settings: { ...hub.settings, offline: true } }
  expect((await refusal(hub, "hf:datasets/small/data", offline)).message).toContain("main is not in its cache")
  await run((await get(hub)).locate("README.md"))
  hub.seen.length = 0
  const set = await get(hub, `hf:datasets/small/data@${commit}`, offline)
  expect(set.files.length).toBe(3)
  expect(readFileSync(await run(set.locate("README.md")), "utf8")).toBe("# Data\n")
  const missing = await run(Effect.flip(set.locate("data/with space#.jsonl")))
  expect(missing.message).toContain("data/with space#.jsonl is not in its cache")
  expect(hub.seen).toEqual([])
})

test("files that another tool left are taken offline, with a note", async () => {
  using hub = localHub(files)
  const root = join(hub.settings.cache, "datasets--small--data")
  mkdirSync(join(root, "refs"), { recursive: true })
  writeFileSync(join(root, "refs", "main"), commit)
  mkdirSync(join(root, "snapshots", commit, "data"), { recursive: true })
  writeFileSync(join(root, "snapshots", commit, "data", "train.csv"), "a,b\n")
  told.length = 0
  const set = await get(hub, undefined, { settings: { ...hub.settings, offline: true } })
  expect(set.files).toEqual(["data/train.csv"])
  expect(readFileSync(await run(set.locate("data/train.csv")), "utf8")).toBe("a,b\n")
  expect(told.join()).toMatch(/^hf:datasets\/small\/data@0123456789ab: the cache has no list .*the 1 that are there/)
  rmSync(join(root, "snapshots"), { recursive: true })
  const error = await refusal(hub, "hf:datasets/small/data", { settings: { ...hub.settings, offline: true } })
  expect(error.message).toContain("is not in its cache")
})

test("a model is no data set, a data set no model, and a path outside of the repository is refused", async () => {
  using hub = localHub(files)
  expect((await refusal(hub, "hf:small/model")).message).toContain("expected a data set, hf:datasets/small/model")
  const model = await run(Effect.flip(fetchReference("hf:datasets/small/data", "model", { settings: hub.settings })))
  expect(model.message).toContain("is a data set; expected a model")
  expect(hub.seen).toEqual([])
  expect((await refusal(hub, "hf:datasets/small/none")).message).toContain("there is no such repository")
  using bad = localHub({ "../../outside": someBytes(3) })
  expect((await refusal(bad, "hf:datasets/small/data")).message).toContain("lies outside of the repository")
})

test("a pinned reference has the commit; a folder stays as it is", async () => {
  using hub = localHub(files)
  const before = { ...process.env }
  Object.assign(process.env, { HF_ENDPOINT: hub.settings.endpoint, HF_HUB_CACHE: hub.settings.cache })
  try {
    expect(await run(pinnedDataset("hf:datasets/small/data@v1"))).toBe(`hf:datasets/small/data@${commit}`)
  } finally {
    for (const name of ["HF_ENDPOINT", "HF_HUB_CACHE"]) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
  expect(await run(pinnedDataset("data/mine"))).toBe("data/mine")
})
