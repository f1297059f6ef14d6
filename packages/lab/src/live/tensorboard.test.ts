/** TensorBoard logs: what a reader of their files finds is what the run wrote. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkLeaks, engineMemory, openEngine, openSummaries } from "@winnow/tensor"
import { recordsIn, scalarOf, valuesIn } from "@winnow/tensor/testing"
import { writtenRun } from "./live.fixture.ts"
import { TensorBoardRun } from "./tensorboard.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-tensorboard-"))
beforeAll(async () => void (await openEngine()))
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** The scalars of a folder, by tag: step and value, in the order of the file. */
const scalarsIn = (folder: string): Readonly<Record<string, ReadonlyArray<readonly [number, number]>>> => {
  const names = readdirSync(folder).filter((name) => name.startsWith("events.out.tfevents."))
  expect(names.length).toBe(1)
  const scalars = valuesIn(join(folder, names[0]!))
  const byTag = Map.groupBy(scalars, ({ tag }) => tag)
  return Object.fromEntries([...byTag].map(([tag, of]) => [tag, of.map((one) => [one.step, scalarOf(one)] as const)]))
}

test("each arm and seed has its steps once, in order, and its figures at the last step; the target has its own folder", () => {
  const folder = join(home, "logs")
  const run = writtenRun(home)
  run.plan()
  run.start("target")
  run.train("target", 0, 5, 5)
  run.finish("target", {})
  run.start("arm adaspec, seed 2")
  run.train("arm adaspec, seed 2", 0, 20, 40)
  const before = engineMemory()
  const logs = new TensorBoardRun(folder, run.log)
  for (let i = 0; i < 3; i++) logs.refresh()
  run.resume("arm adaspec, seed 2", 10) // Killed: the next attempt makes steps again.
  run.train("arm adaspec, seed 2", 10, 40, 40)
  logs.refresh()
  run.finish("arm adaspec, seed 2", {})
  run.finish("acceptance of adaspec, seed 2", { greedyAcceptance: 0.75, blockEfficiency: 2.5, speedup: null }, 0.625)
  run.start("arm all-tokens, seed 1")
  run.train("arm all-tokens, seed 1", 0, 30, 30)
  run.finish("arm all-tokens, seed 1", {})
  run.finish("trial of all-tokens, seed 1", { expectedAcceptance: 0.5 })
  run.end("done")
  logs.close()
  checkLeaks(before, "TensorBoard logs")

  const at = join(folder, "001-quickstart-0123456789")
  const { "train/loss": loss, ...rest } = scalarsIn(join(at, "adaspec", "seed-2"))
  const steps = Array.from({ length: 40 }, (_, i) => i + 1)
  expect(loss!.map(([step]) => step)).toEqual(steps)
  for (const [step, value] of loss!) expect(value).toBe(Math.fround(4 / Math.sqrt(step)))
  expect(rest["train/gradient_norm"]).toEqual(steps.map((step) => [step, Math.fround(1 / step)]))
  expect(rest["train/kept_fraction"]).toEqual(steps.map((step) => [step, Math.fround(0.4)]))
  expect(rest["train/learning_rate"]!.length).toBe(40)
  const finals = Object.entries(rest).filter(([tag]) => !tag.startsWith("train/"))
  expect(Object.fromEntries(finals)).toEqual({
    "final/greedy_acceptance": [[40, 0.75]],
    "final/expected_acceptance": [[40, 0.625]],
    "final/tau": [[40, 2.5]],
  })
  expect(scalarsIn(join(at, "target"))["train/loss"]!.length).toBe(5)
  expect(scalarsIn(join(at, "all-tokens", "seed-1"))["validation/expected_acceptance"]).toEqual([[30, 0.5]])

  // The same command again writes the same logs, in the place of the old ones.
  new TensorBoardRun(folder, run.log).close()
  expect(scalarsIn(join(at, "adaspec", "seed-2"))["train/loss"]).toEqual(loss)
})

test("a run that ends before its search has chosen closes its logs, with the trainings that ended", () => {
  const folder = join(home, "early")
  const run = writtenRun(join(home, "another"), { run: "early" })
  run.plan(false)
  run.start("target")
  run.train("target", 0, 5, 5)
  run.finish("target", {})
  const logs = new TensorBoardRun(folder, run.log)
  logs.refresh()
  expect(existsSync(folder)).toBe(false)
  run.end("failed", "no training came to a score")
  logs.close()
  expect(scalarsIn(join(folder, "001-quickstart-early", "target"))["train/loss"]!.length).toBe(5)
})

test("a writer that is closed frees its tensors, and its folder can be opened again", () => {
  const before = engineMemory()
  const folder = join(home, "twice")
  for (let i = 0; i < 2; i++) {
    const writer = openSummaries(folder, `.${i}`)
    writer.scalar("a", i, 3)
    writer.flush()
    writer.close()
  }
  checkLeaks(before, "closing writers")
  expect(readdirSync(folder).length).toBe(2)
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)))
  expect(files.map((file) => recordsIn(file).length)).toEqual([2, 2])
})

test("a folder that is a file is an error of the writer, and of no more", () => {
  const before = engineMemory()
  expect(() => openSummaries(join(import.meta.path, "logs"))).toThrow(/is not a directory/i)
  checkLeaks(before, "a refused writer")
  expect(existsSync(join(home, "logs"))).toBe(true)
})
