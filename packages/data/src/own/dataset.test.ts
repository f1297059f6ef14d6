/** Data sets of a hub on this machine, and of folders with the same layout. */
import { afterAll, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { gzipSync } from "node:zlib"
import { Datasets, type Split, type TaskUse } from "@winnow/core"
import { localHub } from "@winnow/hub/testing"
import { checkTask } from "@winnow/testing"
import { Effect } from "effect"
import { makeDatasets } from "../datasets.ts"
import golden from "../fixtures/parquet-golden.json"
import { chat } from "./chat.ts"
import { dataset } from "./dataset.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-dataset-"))
afterAll(() => rmSync(home, { recursive: true }))

const bytes = (text: string) => new TextEncoder().encode(text)
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `{"question": "${from + i} + 1?", "solution": "${from + i + 1}"}\n`).join(
    "",
  )
const columns = { prompt: "Q: {question}\nA:\n", answer: "solution" }
const from = "hf:datasets/small/data"

type Hub = ReturnType<typeof localHub>
const of = (hub: Hub) =>
  makeDatasets({
    folder: undefined,
    cache: join(hub.home, "cache"),
    beside: home,
    hub: { settings: hub.settings, pause: 1, patience: 1 },
  })
const read = (task: TaskUse, hub: Hub) => Effect.runPromise(Effect.provideService(task.instance, Datasets, of(hub)))
const refusal = async (task: TaskUse, hub: Hub) =>
  (await Effect.runPromise(Effect.flip(Effect.provideService(task.instance, Datasets, of(hub))))).message
const sizes = (task: { readonly examples: (split: Split) => ReadonlyArray<unknown> }) =>
  (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
const resolved = (hub: Hub) => hub.seen.filter(({ what }) => what === "resolve").map(({ file }) => file)

describe("a data set of a hub", () => {
  const files = {
    "README.md": bytes("---\nlicense: mit\n---\n"),
    "train-1.jsonl": bytes(lines(0, 30)),
    "train-2.jsonl.gz": gzipSync(lines(30, 40)),
    "test.jsonl": bytes(lines(40, 50)),
    "images/train.png": bytes("no data"),
  }

  test("splits by names; a missing one is drawn; the laws of tasks", async () => {
    using hub = localHub(files)
    await checkTask(dataset({ from, ...columns, score: "equal" }), { datasets: of(hub) })
    const task = await read(dataset({ from, ...columns, validation: 0.2 }), hub)
    const [train, validation, test] = sizes(task)
    expect([train! + validation!, test]).toEqual([40, 10])
    expect(validation).toBeGreaterThan(0)
    expect(task.examples("test")[0]).toEqual({ prompt: "Q: 40 + 1?\nA:\n", answer: "41" })
    expect(task.notes).toEqual([
      "hf:datasets/small/data@0123456789ab: train from 2 files, validation drawn from train, test from test.jsonl; licence mit",
    ])
  })

  test("only the files of the splits are fetched, each once", async () => {
    using hub = localHub(files)
    const only = dataset({ from: `${from}@v1`, ...columns, train: "test", validation: 0, test: 0 })
    const task = await read(only, hub)
    expect(sizes(task)).toEqual([10, 0, 0])
    expect(resolved(hub)).toEqual(["README.md", "test.jsonl"])
    await read(dataset({ from, ...columns }), hub)
    expect(resolved(hub)).toEqual(["README.md", "test.jsonl", "train-1.jsonl", "train-2.jsonl.gz"])
  })

  test("Parquet in shards, subsets and named splits by README.md", async () => {
    const configs = `configs:
- config_name: main
  data_files:
  - split: train_sft
    path: main/a-*
  - split: held
    path: main/held.parquet
- config_name: other
  data_files: other/*`
    const packed = Buffer.from(golden.find(({ name }) => name === "compressed with snappy")!.file, "base64")
    using hub = localHub({
      "README.md": bytes(`---\n${configs}\n---\n`),
      "main/a-00000-of-00001.parquet": packed,
      "main/held.parquet": packed,
      "other/b.parquet": packed,
    })
    const names = { prompt: "question", answer: "{n}" }
    expect(await refusal(dataset({ from, ...names }), hub)).toBe(
      "hf:datasets/small/data@0123456789ab: it has several subsets; set subset to one of main, other",
    )
    expect(await refusal(dataset({ from, subset: "main", ...names }), hub)).toBe(
      "hf:datasets/small/data@0123456789ab has no split train; it has train_sft (1 file), held (1 file)",
    )
    const task = await read(
      dataset({ from, subset: "main", train: "train_sft", validation: 0, test: 0, ...names }),
      hub,
    )
    expect(task.examples("train").length).toBeGreaterThan(1)
    expect(resolved(hub)).toEqual(["README.md", "main/a-00000-of-00001.parquet"])
    const same = dataset({ from, subset: "main", train: "train_sft", test: "held", ...names })
    expect(await refusal(same, hub)).toContain("prompts of the train split are in validation or test too")
  })

  test("conversations", async () => {
    const turns = (n: number) =>
      JSON.stringify({
        messages: [
          { role: "user", content: `${n}?` },
          { role: "assistant", content: `${n}.` },
        ],
      })
    const sft = Array.from({ length: 20 }, (_, i) => `${turns(i)}\n`).join("")
    using hub = localHub({
      "data/train_sft-00000-of-00001.jsonl": bytes(sft),
      "data/test-00000-of-00001.jsonl": bytes(`${turns(90)}\n`),
    })
    const task = await read(chat({ from, train: "train_sft", validation: 0 }), hub)
    expect(sizes(task)).toEqual([20, 0, 1])
    expect(task.examples("test")[0]!.answer).toBe("90.")
  })

  test("faults name the repository, the file and the place, and say what there is", async () => {
    using hub = localHub({
      ...files,
      "test.jsonl": bytes(`${lines(40, 41)}{"question": "?"}\n`),
    })
    const name = "hf:datasets/small/data@0123456789ab"
    const column = await refusal(dataset({ from, prompt: "questio", answer: "solution" }), hub)
    expect(column).toStartWith(
      `${name}/train-1.jsonl, line 1: has no column questio; did you mean question? Mend it, or set`,
    )
    expect(await refusal(dataset({ from, ...columns }), hub)).toStartWith(
      `${name}/test.jsonl, line 2: has no column solution; it has question`,
    )
    expect(await refusal(dataset({ from: `${from}@none`, ...columns }), hub)).toContain(
      "there is no such repository or revision",
    )
    using empty = localHub({ "gsm8k.py": bytes("") })
    expect(await refusal(dataset({ from, ...columns }), empty)).toContain(
      "has no .parquet, .jsonl, .json, .csv or .tsv file; it has gsm8k.py; a script makes this data set",
    )
  })

  test.each(["hf:owner/name", "hf:datasets/a/b/c", "hf:datasets/a b/c"])(
    "%s is refused before any request",
    async (from) => {
      using hub = localHub(files)
      expect(await refusal(dataset({ from, ...columns }), hub)).toMatch(
        /task dataset: from must be hf:datasets\/owner\/name, or hf:datasets\/owner\/name@revision/,
      )
      expect(hub.seen).toEqual([])
    },
  )
})

test("a folder has the same layout; JSON in one list", async () => {
  const put = (name: string, text: string) => {
    const place = join(home, "set", name)
    mkdirSync(dirname(place), { recursive: true })
    writeFileSync(place, text)
  }
  put("train/a.json", `\n[{"question": "a?", "solution": "b"}, 3]`)
  put("test/b.json", `{"question": "c?", "solution": "d"}\n`)
  using hub = localHub({})
  const message = await refusal(dataset({ from: "set", ...columns, validation: 0 }), hub)
  expect(message).toStartWith("set/train/a.json, record 2: the record is the number 3; expected an object")
  const task = await read(dataset({ from: "set", ...columns, validation: 0, faulty: "skip" }), hub)
  expect([sizes(task), task.examples("train")[0]]).toEqual([[1, 0, 1], { prompt: "Q: a?\nA:\n", answer: "b" }])
  expect(task.notes?.[0]).toBe(
    "set: train from train/a.json, no validation, test from test/b.json; its README.md states no licence",
  )
  put("train/a.json", "[1, 2")
  expect(await refusal(dataset({ from: "set", ...columns }), hub)).toStartWith("set/train/a.json: ")
  expect(await refusal(dataset({ from: "nowhere", ...columns }), hub)).toStartWith("there is no nowhere")
  expect(hub.seen).toEqual([])
})
