/** `bench lookup`: its figures on texts with known repeats, and its refusals. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { tokenizerFiles, trainBpe } from "@winnow/data"
import { UsageError } from "../options.ts"
import { runBench } from "../side-by-side/fake-peer.fixture.ts"
import { benchLookup, type LookupReport } from "./bench-lookup.ts"
import { dataSets, readAnswered, tokenizerFile } from "./data.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-lookup-"))
const write = (file: string, text: string) => {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
}
/** A line of each data set: the answer repeats the prompt's words, or shares none of them. */
const lines = (repeats: boolean): Readonly<Record<string, object>> => {
  const [prompt, answer] = ["abcdefgh abcdefgh", repeats ? "abcdefgh abcdefgh abcdefgh" : "zyxwvuts"]
  return {
    dialogsum: { dialogue: prompt, summary1: answer },
    news: { document: prompt, summary: answer },
    mbpp: { text: prompt, test_list: [prompt], code: answer },
    gsm8k: { question: prompt, answer },
    alpaca: { instruction: prompt, input: "", output: answer },
  }
}

beforeAll(() => {
  for (const { name, file } of dataSets)
    write(file, [lines(true)[name], { ...lines(false)[name] }].map((line) => JSON.stringify(line)).join("\n"))
  const files = tokenizerFiles(trainBpe(["a"], { vocabularySize: 257 }))
  write(tokenizerFile, files["tokenizer.json"]!)
})
afterAll(() => rmSync(folder, { recursive: true }))

test("figures of each data set: repeated text is proposed correctly, other text is not proposed", () => {
  const of = (limit: string) => runBench("lookup", "--data", folder, "--limit", limit, "--longest", "4", "--json")
  const { exitCode, stdout } = of("1")
  expect(exitCode).toBe(0)
  const report = JSON.parse(stdout) as LookupReport
  expect(report.sets.map(({ dataset }) => dataset)).toEqual(dataSets.map(({ name }) => name))
  const both = JSON.parse(of("2").stdout) as LookupReport
  for (const [i, set] of report.sets.entries()) {
    expect(set.texts).toBe(1)
    expect(set.lengths.map(({ gamma }) => gamma)).toEqual([1, 2, 4, 8])
    expect(set.lengths[3]!.tau).toBeGreaterThan(3)
    expect(set.right).toBeGreaterThan(0.7)
    const { texts, right, lengths } = both.sets[i]!
    expect(texts).toBe(2)
    expect(right).toBeLessThan(set.right)
    expect(lengths[3]!.tau).toBeLessThan(set.lengths[3]!.tau)
    expect(lengths[3]!.low).toBeLessThanOrEqual(lengths[3]!.tau)
  }
})

test("with a target: the wall time of each data set at each length", () => {
  const target = ["--target", "16,1,2,32", "--timed", "2", "--rounds", "1", "--gammas", "1,4"]
  const { exitCode, stdout } = runBench("lookup", "--data", folder, "--limit", "2", ...target, "--json")
  expect(exitCode).toBe(0)
  const { sets, timed } = JSON.parse(stdout) as LookupReport
  expect(timed!.target).toMatchObject({ sizes: [16, 1, 2, 32], vocabulary: 257, precision: "bfloat16" })
  expect(timed!.times.map(({ dataset, gamma }) => [dataset, gamma])).toEqual(
    dataSets.flatMap(({ name }) => [1, 4].map((gamma) => [name, gamma])),
  )
  for (const { dataset, gamma, tau } of timed!.times)
    expect(tau).toBeCloseTo(
      sets.find((set) => set.dataset === dataset)!.lengths.find((of) => of.gamma === gamma)!.tau,
      10,
    )
})

test("an empty answer is left out", () => {
  write(dataSets[4]!.file, `{"instruction":"a","input":"","output":""}\n{"instruction":"a","input":"b","output":"c"}\n`)
  expect(readAnswered(folder, dataSets[4]!, 10)).toEqual([{ prompt: "a\nb\n", answer: "c" }])
})

test("a folder without the data is refused: exit code 2", () => {
  const { exitCode, stderr } = runBench("lookup", "--data", join(folder, "nowhere"))
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("give --data the folder that holds")])
})

test.each([
  [["--data", folder, "--longest", "1", "--shortest", "2"], "--shortest 2 is above --longest 1"],
  [["--data", folder, "--limit", "0"], "--limit"],
  [["--data", folder, "--target", "16,1,3,32"], "--target is"],
])("refused: %j", async (args, says) => {
  const error = await benchLookup([...args, "--json"]).catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(UsageError)
  expect((error as UsageError).message).toContain(says)
})
