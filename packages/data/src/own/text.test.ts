import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { gzipSync } from "node:zlib"
import { Datasets, type Split } from "@winnow/core"
import { checkTask } from "@winnow/testing"
import { Effect } from "effect"
import { makeDatasets } from "../datasets.ts"
import { text } from "./text.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "winnow-text-"))
})
afterAll(() => rm(folder, { recursive: true }))

const put = async (name: string, content: string | Uint8Array) => {
  await mkdir(dirname(join(folder, name)), { recursive: true })
  await writeFile(join(folder, name), content)
}
const datasets = () => makeDatasets({ folder: undefined, cache: join(folder, "cache"), beside: folder })
const instanceOf = (use: ReturnType<typeof text>) =>
  Effect.runPromise(use.instance.pipe(Effect.provideService(Datasets, datasets())))
const refusal = async (use: ReturnType<typeof text>) =>
  (await Effect.runPromise(Effect.flip(use.instance).pipe(Effect.provideService(Datasets, datasets())))).message
const splits: ReadonlyArray<Split> = ["train", "validation", "test"]
const story = (n: number) => Array.from({ length: 12 }, (_, i) => `Part ${i} of story ${n} is told here.`).join("\n\n")
const sizes = { characters: 80, prompt: 20, validation: 0.1, test: 0.2 }

test("of many files a file's pieces are in one split; packed ones and folders are read", async () => {
  for (let n = 0; n < 30; n++)
    if (n % 3 === 0) await put(`many/deep/er/${n}.txt.gz`, gzipSync(story(n)))
    else await put(`many/${n}.md`, story(n))
  await put("many/picture.png", Uint8Array.of(0xff, 0))
  const task = text({ folder: "many", ...sizes })
  await checkTask(task, { datasets: datasets() })
  const instance = await instanceOf(task)
  const stories = (split: Split) =>
    new Set(instance.examples(split).map(({ prompt, answer }) => / of story (\d+)/.exec(prompt + answer)![1]))
  const found = splits.map(stories)
  expect(found.map(({ size }) => size).reduce((a, b) => a + b)).toBe(30)
  for (const { size } of found) expect(size).toBeGreaterThan(0)
  expect(instance.notes).toEqual([`${30 * 6} pieces of 30 files, split by file`])
})

test("of few files the pieces are split", async () => {
  await put("few/a.txt", Array.from({ length: 20 }, (_, n) => story(n)).join("\n\n"))
  const instance = await instanceOf(text({ folder: "few", ...sizes }))
  for (const split of splits) expect(instance.examples(split).length).toBeGreaterThan(0)
  expect(instance.notes![0]).toEndWith("of 1 files, split by piece, as there are fewer than 20 files")
  expect(await instanceOf(text({ folder: "few/a.txt", ...sizes })).then((one) => one.examples("test"))).toEqual(
    instance.examples("test"),
  )
})

test("other endings are read where asked", async () => {
  await put("code/a.py", story(1))
  expect(await refusal(text({ folder: "code" }))).toBe("code holds no file that ends with .txt or .md")
  const instance = await instanceOf(text({ folder: "code", endings: [".py"], validation: 0, test: 0 }))
  expect(instance.examples("train").map(({ prompt, answer }) => prompt + answer)).toEqual([story(1)])
})

test("a file that is no text is refused by name and line, or left out with a note", async () => {
  await put("odd/good.txt", story(1))
  await put("odd/bad.txt", Uint8Array.of(0x61, 0x0a, 0xe9, 0x0a))
  await put("odd/empty.txt", "")
  expect(await refusal(text({ folder: "odd" }))).toBe(
    "odd/bad.txt: line 2 is not UTF-8; save the file in that encoding",
  )
  const { notes } = await instanceOf(text({ folder: "odd", faulty: "skip", validation: 0, test: 0 }))
  expect(notes!.slice(0, 2)).toEqual([
    "left out: odd/bad.txt: line 2 is not UTF-8; save the file in that encoding",
    "left out: odd/empty.txt: the file is empty",
  ])
  await put("blank/a.txt", " \n \n")
  expect(await refusal(text({ folder: "blank" }))).toContain("the files of blank give no piece of text")
  expect(await refusal(text({ folder: "gone" }))).toStartWith("there is no gone: looked for ")
  expect(await refusal(text({ folder: "odd", characters: 100, prompt: 100 }))).toContain("less than characters (100)")
  expect(await refusal(text({ folder: "odd", validation: 0.5, test: 0.5 }))).toContain("nothing is left to train on")
})
