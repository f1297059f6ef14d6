/** docs/recheck.py, in another language and without our code, agrees with the lab's files. */
import { expect, test } from "bun:test"
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { sha256 } from "@winnow/files"
import type { Rollout } from "@winnow/generation"
import { seeded } from "@winnow/numerics"
import { Effect, Layer } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import { behind, tiny } from "../../test/tiny.ts"
import type { Experiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { applySettings } from "../experiment/settings.ts"
import { Progress } from "../progress.ts"
import { readRecord } from "../results.ts"
import type { Figures } from "../stages/measure.ts"
import { houseRoot } from "../store/code/house.ts"
import { Store } from "../store/store.ts"
import { countsText, packed } from "./counts.ts"
import type { RunRecord } from "./schema.ts"

const python = Bun.which("python3")
const home = mkdtempSync(join(tmpdir(), "winnow-recheck-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)

const recheck = (folder: string) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([python!, join(houseRoot, "docs/recheck.py"), folder])
  return { exitCode, out: stdout.toString(), err: stderr.toString() }
}

/** A copy of a run with files changed. */
const changed = (directory: string, files: Readonly<Record<string, (text: string) => string>>): string => {
  const folder = join(mkdtempSync(join(tmpdir(), "winnow-tampered-")), "run")
  cpSync(directory, folder, { recursive: true })
  for (const [name, change] of Object.entries(files))
    writeFileSync(join(folder, name), change(readFileSync(join(folder, name), "utf8")))
  return folder
}
const inRecord = (change: (record: RunRecord) => void) => (text: string) => {
  const record = JSON.parse(text) as RunRecord
  change(record)
  return JSON.stringify(record)
}

test("bits are packed from the highest of the first byte on", () => {
  expect(Buffer.from(packed(["1", "0000001", "11"]), "base64")).toEqual(Buffer.from([0b10000001, 0b11000000]))
  expect(packed([])).toBe("")
})

const made = async (experiment: Experiment) => {
  const run = Effect.flatMap(resolve(experiment), (r) => runDistillation(r, { slug: "000-tiny", results: home }))
  const { directory, record } = await Effect.runPromise(run.pipe(Effect.provide(layers)))
  return { directory, record }
}

test.skipIf(python === null)(
  "a run whose draft has a shorter context than the target's texts is measured as far as it reads, and checks",
  async () => {
    const context = 16
    const settings = [
      `draft.start.model.max_position_embeddings=${context}`,
      "measure.maxNew=24",
      "target.pretraining.steps=6",
    ]
    const { directory, record } = await made(await Effect.runPromise(applySettings(tiny, settings)))
    const counts = JSON.parse(readFileSync(join(directory, "counts.json"), "utf8"))
    const total = (lengths: ReadonlyArray<number>) => lengths.reduce((a, b) => a + b, 0)
    expect(Math.max(...counts.greedyLengths)).toBeGreaterThan(context)
    expect(total(counts.greedyReadable)).toBeLessThan(total(counts.greedyLengths))
    expect(total(counts.keptLengths)).toBeLessThan(total(counts.greedyReadable))
    expect(total(counts.sampledReadable)).toBeLessThan(total(counts.sampledLengths))
    expect(record.rows.every(({ greedyAcceptance }) => greedyAcceptance.value !== null)).toBe(true)
    const { exitCode, out, err } = recheck(directory)
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" })
    expect(out).toContain("agreement, kept")
    expect(out).toContain(" 0 differ")
  },
)

test.skipIf(python === null)(
  "a plain Python script gets every figure and interval of a run; a figure, an interval or a count that was changed is found",
  async () => {
    const { directory, record } = await made({
      ...tiny,
      arms: { ...tiny.arms, few: { ...tiny.arms["behind"]!, filter: behind({ k: 0.3 }) } },
      seeds: [1, 2, 3],
      measure: { ...tiny.measure, timedPrompts: 4 },
    })
    const whole = recheck(directory)
    expect(whole.err).toBe("")
    expect(whole.out.split("\n").filter((line) => line.startsWith("!"))).toEqual([])
    expect(whole.exitCode).toBe(0)
    const figures = Number(/(\d+) figures from counts.json, beside the record's: 0 differ/.exec(whole.out)![1])
    // Each row has at least 11 intervals; each of its seeds has 4 figures and 4 for each gamma; then the differences.
    const least = record.rows.reduce((n, row) => n + 11 + row.seeds.length * (4 + 4 * 2), record.differences.length)
    expect(figures).toBeGreaterThan(least)
    expect(whole.out).toContain("behind: agreement, baselineDropped")
    expect(whole.out).toContain("behind: speedup")

    const counts = readFileSync(join(directory, "counts.json"))
    expect(record.counts).toEqual({ file: "counts.json", sha256: sha256(counts), bytes: counts.length })

    const odd = (files: Parameters<typeof changed>[1]) => {
      const { exitCode, out } = recheck(changed(directory, files))
      return { exitCode, names: out.split("\n").flatMap((line) => /^! (.*?) {2,}/.exec(line)?.[1] ?? []) }
    }
    const value = inRecord(({ rows }) => {
      rows[1]!.tau.value! += 1e-6
    })
    expect(odd({ "run.json": value })).toEqual({ exitCode: 1, names: ["all: tau"] })
    const end = inRecord(({ differences }) => {
      differences.find(({ measure }) => measure === "draftKl")!.high! *= 1.001
    })
    expect(odd({ "run.json": end })).toEqual({ exitCode: 1, names: ["all minus behind: draftKl"] })
    const error = inRecord(({ rows }) => {
      rows[2]!.expectedAcceptance.errors!.seeds /= 2
    })
    expect(odd({ "run.json": error })).toEqual({ exitCode: 1, names: ["behind: expectedAcceptance"] })
    const fewer = inRecord(({ rows, differences, conditions }) => {
      rows[1]!.draftKl.seeds += 1
      differences[0]!.seeds.pop()
      conditions.greedyTokens += 1
    })
    expect(odd({ "run.json": fewer })).toEqual({
      exitCode: 1,
      names: ["tokens of the greedy texts", "all: draftKl", "all minus behind: greedyAcceptance"],
    })
    const said = inRecord((record) => {
      Object.assign(record, { verdict: record.verdict?.replace(/\d\.\d points/, "99.9 points") })
    })
    expect(odd({ "run.json": said }).exitCode).toBe(1)
    const word = inRecord(({ conclusions }) => {
      const sentence = "all minus behind: +0.0 points of greedy acceptance [0.1, 0.2], ahead;"
      ;(conclusions as Array<string>).push(sentence)
    })
    expect(odd({ "run.json": word }).names).toEqual(["sentence, all minus behind: greedyAcceptance"])
    const level = inRecord(({ conclusions, differences }) => {
      const { value, low, high } = differences[0]!
      const [is, from, to] = [value!, low!, high!].map((share) => (100 * share).toFixed(1))
      const reading = low! > 0 ? "ahead" : high! < 0 ? "behind" : "no difference is shown"
      const sentence = `all minus behind: ${Number(is) < 0 ? "" : "+"}${is} points of greedy acceptance [${from}, ${to}], ${reading}, level within 2 points;`
      ;(conclusions as Array<string>).push(sentence)
    })
    expect(odd({ "run.json": level }).names).toEqual(["sentence, all minus behind: greedyAcceptance"])
    const bit = (text: string) => text.replace(/"kl":\[(\d)/, (_, digit) => `"kl":[${(Number(digit) + 1) % 10}`)
    const { exitCode, names } = odd({ "counts.json": bit })
    expect(exitCode).toBe(1)
    expect(names).toContain("SHA-256 of the raw counts")
    expect(names).toContain("start, seed 1: draftKl")
  },
)

test.skipIf(python === null)("one seed, and prompts that are all the same, are checked too", async () => {
  const { directory } = await made({ ...tiny, seeds: [7], measure: { ...tiny.measure, prompts: 2, timedPrompts: 1 } })
  const { exitCode, out, err } = recheck(directory)
  expect([exitCode, err]).toEqual([0, ""])
  expect(out).toContain(" 0 differ")
  expect(readRecord(directory)!.rows[0]!.tau.seeds).toBe(1)
})

test.skipIf(!python)("a committed run with acceptance and with tables of kept sets agrees with its counts", () => {
  const runs = join(houseRoot, "results/013-focus")
  const of = readdirSync(runs).filter((name) => name.startsWith("legal-target-"))
  expect(of.length).toBeGreaterThan(0)
  for (const run of of) {
    const { exitCode, out } = recheck(join(runs, run))
    expect(out).toContain("figures from counts.json, beside the record's: 0 differ")
    expect(exitCode).toBe(0)
  }
})

test("raw counts of fifty drafts on 160 prompts stay below 2 MB", () => {
  const rng = seeded(1, "counts")
  const texts = () => Array.from({ length: 160 }, () => Array.from({ length: 90 }, () => rng.below(2)).join(""))
  const sums = () => Array.from({ length: 160 }, () => [90 * rng.uniform(), 90] as const)
  const lengths = [1, 2, 4, 8].map((gamma) => ({
    gamma,
    sampledCounts: sums().map(([blocks]) => ({ blocks, accepted: blocks, rejected: 0 })),
  }))
  const drafts = Array.from({ length: 10 }, (_, i) => {
    const of = () => ({ lengths, overlap: sums(), kl: sums(), agreement: texts() }) as unknown as Figures
    const seeds = [1, 2, 3, 4, 5]
    return {
      name: `arm ${i}`,
      figures: new Map(seeds.map((seed) => [seed, of()])),
      kept: new Map(seeds.map((seed) => [seed, texts()])),
    }
  })
  const greedy = texts().map((text): Rollout => {
    const tokens = new Int32Array(text.length)
    return { prompt: new Int32Array(1), tokens, finish: "eos", limit: 128 }
  })
  const text = countsText(4, greedy, drafts)
  expect(JSON.parse(text).drafts.length).toBe(50)
  expect(text.length).toBeLessThan(1e6)
})
