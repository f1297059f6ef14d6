import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { Datasets, type Split, type TaskUse } from "@winnow/core"
import { checkTask } from "@winnow/testing"
import { Effect, Exit } from "effect"
import { makeDatasets } from "../datasets.ts"
import golden from "../fixtures/parquet-golden.json"
import { csv } from "./csv.ts"
import { jsonl } from "./jsonl.ts"
import { parquet } from "./parquet.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "winnow-own-"))
})
afterAll(() => rm(folder, { recursive: true }))

const datasets = () => makeDatasets({ folder: undefined, cache: join(folder, "cache"), beside: folder })
const put = (name: string, content: string | Uint8Array) => writeFile(join(folder, name), content)
const instanceOf = (task: TaskUse) => Effect.runPromise(task.instance.pipe(Effect.provideService(Datasets, datasets())))
/** The message of a task that is refused. */
const refusal = async (task: TaskUse) => {
  const exit = await Effect.runPromiseExit(Effect.flip(task.instance).pipe(Effect.provideService(Datasets, datasets())))
  if (!Exit.isSuccess(exit)) throw new Error("the task was not refused")
  return exit.value.message
}
const lines = (records: ReadonlyArray<unknown>) => records.map((record) => `${JSON.stringify(record)}\n`).join("")
const records = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ question: `What is ${from + i} + 1?`, solution: `${from + i + 1}` }))
const columns = { prompt: "Q: {question}\nA:\n", answer: "solution" }

describe("jsonl", () => {
  test("one file in one line: splits by hash, the laws of tasks", async () => {
    await put("all.jsonl", lines(records(0, 300)))
    await checkTask(jsonl({ train: "all.jsonl", ...columns, score: "equal" }), { datasets: datasets() })
    await checkTask(jsonl({ train: "all.jsonl", ...columns, maxTrain: 9, maxTest: 4, seed: 3 }), {
      datasets: datasets(),
    })
    const task = await instanceOf(jsonl({ train: "all.jsonl", ...columns }))
    const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
    expect(sizes.reduce((a, b) => a + b)).toBe(300)
    expect(task.examples("train")[0]).toEqual({ prompt: "Q: What is 0 + 1?\nA:\n", answer: "1" })
    expect(task.notes).toEqual([])
  })

  test("files by split, several files as one, an absolute path, packed files", async () => {
    await put("a.jsonl", lines(records(0, 10)))
    await put("b.jsonl.gz", gzipSync(lines(records(10, 20))))
    await put("v.jsonl.zst", Bun.zstdCompressSync(Buffer.from(lines(records(20, 25)))))
    const task = await instanceOf(
      jsonl({
        train: ["a.jsonl", "b.jsonl.gz"],
        validation: join(folder, "v.jsonl.zst"),
        test: ["a2.jsonl"],
        ...columns,
      }).withOptions({
        train: ["a.jsonl", "b.jsonl.gz"],
        validation: join(folder, "v.jsonl.zst"),
        test: 0,
        ...columns,
      }),
    )
    expect(task.examples("train").map(({ answer }) => answer)).toEqual(records(0, 20).map(({ solution }) => solution))
    expect(task.examples("validation").length).toBe(5)
    expect(task.examples("test").length).toBe(0)
  })

  test("a gzip file of several parts is read whole, a cut one is refused", async () => {
    const parts = [gzipSync(lines(records(0, 5))), gzipSync(lines(records(5, 10)))]
    await put("parts.jsonl.gz", Buffer.concat(parts))
    const task = await instanceOf(jsonl({ train: "parts.jsonl.gz", validation: 0, test: 0, ...columns }))
    expect(task.examples("train").length).toBe(10)
    await put("cut.jsonl.gz", parts[0]!.subarray(0, -9))
    expect(await refusal(jsonl({ train: "cut.jsonl.gz", ...columns }))).toStartWith(
      "cut.jsonl.gz: the file is no whole .gz (",
    )
    await put("cut.jsonl.zst", Bun.zstdCompressSync(Buffer.from(lines(records(0, 5)))).subarray(0, -9))
    expect(await refusal(jsonl({ train: "cut.jsonl.zst", ...columns }))).toStartWith(
      "cut.jsonl.zst: the file is no whole .zst (",
    )
    await put("no.jsonl.gz", lines(records(0, 5)))
    expect(await refusal(jsonl({ train: "no.jsonl.gz", ...columns }))).toEndWith("; make or fetch it again")
  })

  const good = JSON.stringify(records(0, 1)[0])
  const bad: ReadonlyArray<readonly [fault: string, line: string | Uint8Array, says: string]> = [
    ["a renamed column", '{"questions": "Why?", "solution": "So"}', "has no column question; did you mean questions?"],
    ["a missing column", '{"question": "Why?"}', "has no column solution; it has question"],
    ["another type", '{"question": "Why?", "solution": 4}', 'solution is the number 4; expected a text; "{solution}"'],
    ["an empty answer", '{"question": "Why?", "solution": " \\n"}', "its answer is empty"],
    ["no object", '["Why?", "So"]', "the line is a plain array of 2; expected an object"],
    ["a broken line", '{"question": "Why?", "solu', "the line is no JSON"],
    ["another encoding", Uint8Array.of(0x22, 0xe9, 0x22), "the line is not UTF-8; save the file in that encoding"],
  ]
  for (const [i, [fault, line, says]] of bad.entries())
    test(`${fault}: an error with file and line, or a counted skip`, async () => {
      const name = `bad-${i}.jsonl`
      const content = [`${good}\n\n`, line, `\n${JSON.stringify(records(1, 2)[0])}\n`]
      await put(name, Buffer.concat(content.map((part) => (typeof part === "string" ? Buffer.from(part) : part))))
      const settings = { train: name, validation: 0, test: 0, ...columns }
      const message = await refusal(jsonl(settings))
      expect(message).toStartWith(`${name}, line 3: ${says}`)
      expect(message).toContain('set faulty: "skip"')
      const task = await instanceOf(jsonl({ ...settings, faulty: "skip" }))
      expect(task.examples("train").length).toBe(2)
      expect(task.notes!.length).toBe(1)
      expect(task.notes![0]).toStartWith(`1 of 3 records of ${name} are left out: 1 `)
      expect(task.notes![0]).toContain(`(the first is line 3: ${says}`)
    })

  test("a file of another format is named, with what reads it", async () => {
    await put("packed.jsonl", gzipSync(lines(records(0, 5))))
    await put("list.json", JSON.stringify(records(0, 5), undefined, 2))
    await put("semicolons.csv", 'question;solution\na "b";c\n')
    await put("rows.csv", lines(records(0, 5)))
    await put("rows.jsonl", Uint8Array.fromBase64(golden[1]!.file))
    const name = "let its name end with .gz"
    expect(await refusal(jsonl({ train: "packed.jsonl", ...columns }))).toEndWith(name)
    expect(await refusal(csv({ train: "packed.jsonl", ...columns }))).toEndWith(name)
    expect(await refusal(jsonl({ train: "list.json", ...columns }))).toContain("dataset({ from }) reads its folder")
    expect(await refusal(jsonl({ train: "rows.jsonl", ...columns }))).toEndWith("parquet({ train }) reads it")
    expect(await refusal(csv({ train: "semicolons.csv", ...columns }))).toEndWith('has ";": set it as the delimiter')
    expect(await refusal(csv({ train: "rows.csv", ...columns }))).toEndWith("which jsonl({ train }) reads")
  })

  test("faults are counted by kind; a file that has nothing else is refused", async () => {
    await put("kinds.jsonl", `${good}\n{"question": "a"}\n{"question": "b"}\n{"question": "c", "solution": ""}\n`)
    const settings = { validation: 0, test: 0, ...columns, faulty: "skip" } as const
    const { notes } = await instanceOf(jsonl({ train: "kinds.jsonl", ...settings }))
    expect(notes).toEqual([
      "3 of 4 records of kinds.jsonl are left out: 2 without a text for the answer (the first is line 2: has no column " +
        "solution; it has question); 1 with an empty answer (the first is line 4: its answer is empty)",
    ])
    await put("none.jsonl", '{"question": "a"}\n')
    expect(await refusal(jsonl({ train: "none.jsonl", ...settings }))).toStartWith("1 of 1 records of none.jsonl are")
  })

  test("a missing file is refused with the places of the search", async () => {
    expect(await refusal(jsonl({ train: "gone.jsonl", ...columns }))).toBe(
      `there is no gone.jsonl: looked for ${join(folder, "gone.jsonl")} and ${join(process.cwd(), "gone.jsonl")}`,
    )
    await mkdir(join(folder, "sub"), { recursive: true })
    expect(await refusal(jsonl({ train: "sub", ...columns }))).toBe("sub: expected a file, found a folder")
    await put("empty.jsonl", "")
    expect(await refusal(jsonl({ train: "empty.jsonl", ...columns }))).toBe("empty.jsonl: the file is empty")
    await put("blank.jsonl", "\n \n")
    expect(await refusal(jsonl({ train: "blank.jsonl", ...columns }))).toContain("blank.jsonl: the file has no records")
  })

  test("options that cannot be are refused", async () => {
    for (const options of [{}, { train: [] }, { train: "a.jsonl", test: 1 }, { train: "a.jsonl", answers: "x" }])
      expect(await refusal(jsonl.use(options))).toContain("task jsonl")
    expect(await refusal(jsonl({ train: "a.jsonl", validation: 0.6, test: 0.5 }))).toContain(
      "nothing is left to train on",
    )
  })

  test("training examples whose prompt is tested are refused, or left out and counted", async () => {
    await put("train.jsonl", lines(records(0, 10)))
    await put("test.jsonl", lines([{ question: " WHAT IS 4 + 1 ?", solution: "5" }, ...records(50, 53)]))
    const settings = { train: "train.jsonl", validation: 0, test: "test.jsonl", ...columns }
    expect(await refusal(jsonl(settings))).toBe(
      '1 of 10 prompts of the train split are in validation or test too; set overlap: "drop" to leave them out of the train split',
    )
    const task = await instanceOf(jsonl({ ...settings, overlap: "drop" }))
    expect(task.examples("train").length).toBe(9)
    expect(task.notes).toEqual([
      "1 of 10 prompts of the train split are in validation or test too; they are left out of the train split",
    ])
  })

  test("score: case and spaces of an answer do not count", async () => {
    const { score } = await instanceOf(jsonl({ train: "a.jsonl", ...columns, score: "equal" }))
    expect(score!({ prompt: "", answer: "Yes, it is." }, " yes,  it is\n")).toBe(true)
    expect(score!({ prompt: "", answer: "Yes, it is." }, "No")).toBe(false)
  })
})

describe("csv", () => {
  const table = 'question,solution\r\n"What, ""now""?",So\r\n"Two\nlines",b\r\n\r\nlast,c\r\n'
  const all = { prompt: "question", answer: "solution", validation: 0, test: 0 } as const

  test("quotes, ends of lines in fields, empty lines, a byte-order mark, tabs", async () => {
    await put("a.csv", `\uFEFF${table}`)
    const task = await instanceOf(csv({ train: "a.csv", ...all }))
    expect(task.examples("train")).toEqual([
      { prompt: 'What, "now"?', answer: "So" },
      { prompt: "Two\nlines", answer: "b" },
      { prompt: "last", answer: "c" },
    ])
    await put("a.tsv.gz", gzipSync("question\tsolution\na, b\tc\n"))
    expect((await instanceOf(csv({ train: "a.tsv.gz", ...all }))).examples("train")[0]!.prompt).toBe("a, b")
    await put("semi.csv", "question;solution\na,b;c\n")
    const semi = await instanceOf(csv({ train: "semi.csv", ...all, delimiter: ";" }))
    expect(semi.examples("train")[0]!.prompt).toBe("a,b")
  })

  test("a line with other fields is named by its number, or left out and counted", async () => {
    await put("bad.csv", `${table}too,many,fields\r\n`)
    const says = "the line has 3 fields, the first line names 2 columns"
    expect(await refusal(csv({ train: "bad.csv", ...all }))).toStartWith(`bad.csv, line 7: ${says}`)
    const { notes } = await instanceOf(csv({ train: "bad.csv", ...all, faulty: "skip" }))
    expect(notes).toEqual([`1 of 4 records of bad.csv are left out: 1 broken (the first is line 7: ${says})`])
    await put("early.csv", 'question,solution\n"a\r\nb",x\n"a\nb",\nc,d\n')
    expect(await refusal(csv({ train: "early.csv", ...all }))).toStartWith("early.csv, line 4: its answer is empty")
  })

  test("a file that is no table is refused", async () => {
    await put("open.csv", 'question,solution\n"never closed,b\n')
    expect(await refusal(csv({ train: "open.csv", ...all }))).toStartWith("open.csv: the file is no CSV: ")
    await put("twice.csv", "question,question\na,b\n")
    expect(await refusal(csv({ train: "twice.csv", ...all }))).toContain(
      'two columns of its first line are named "question"',
    )
    await put("latin.csv", Uint8Array.of(...Buffer.from("question,solution\na,b\n"), 0xe9, 0x2c, 0x62, 0x0a))
    expect(await refusal(csv({ train: "latin.csv", ...all }))).toBe(
      "latin.csv: line 3 is not UTF-8; save the file in that encoding",
    )
    await put("head.csv", "question,solution\n")
    expect(await refusal(csv({ train: "head.csv", ...all }))).toContain("head.csv: the file has no records")
  })
})

test("parquet: rows of a file, numbers in a template, a missing column by row", async () => {
  await put("a.parquet", Uint8Array.fromBase64(golden[1]!.file))
  const settings = { train: "a.parquet", prompt: "{n}: {question}", answer: "answer", validation: 0, test: 0 } as const
  expect(await refusal(parquet(settings))).toStartWith("a.parquet, row 6: answer is null; expected a text")
  const task = await instanceOf(parquet({ ...settings, faulty: "skip" }))
  expect(task.examples("train")[4]).toEqual({ prompt: "4: How many are 4 + 4?", answer: "8" })
  expect(task.notes).toEqual([
    "2 of 12 records of a.parquet are left out: 1 without a text for the answer (the first is row 6: answer is null; " +
      "expected a text); 1 with an empty answer (the first is row 8: its answer is empty)",
  ])
  expect(await refusal(parquet({ ...settings, answer: "solution" }))).toStartWith(
    "a.parquet, row 1: has no column solution; it has question, answer, n, half, even",
  )
})

test("splits of a table are those of the same table in another format", async () => {
  const rows = records(0, 80)
  await put("same.jsonl", lines(rows))
  await put("same.csv", `question,solution\n${rows.map((r) => `${r.question},${r.solution}\n`).join("")}`)
  const [a, b] = [
    await instanceOf(jsonl({ train: "same.jsonl", ...columns })),
    await instanceOf(csv({ train: "same.csv", ...columns })),
  ]
  for (const split of ["train", "validation", "test"] satisfies ReadonlyArray<Split>)
    expect(a.examples(split)).toEqual(b.examples(split))
})
