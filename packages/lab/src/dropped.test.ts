import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineTask } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { tiny } from "../test/tiny.ts"
import { resolve } from "./experiment/resolve.ts"
import { Progress, type ProgressEvent } from "./progress.ts"
import { runRecord } from "./record/schema.ts"
import { Store } from "./store/store.ts"
import { caption } from "./table/caption.ts"

/**
 * Twelve letters, each repeated ten times; in each split some are repeated forty times, longer than the tiny maxLength.
 */
const uneven = defineTask({
  name: "uneven",
  options: type({ "+": "reject", train: "number.integer >= 0", test: "number.integer >= 0" }),
  make: (long) => {
    const said = (times: number) => (_: unknown, i: number) => ({
      prompt: `${String.fromCharCode(97 + i)}:`,
      answer: String.fromCharCode(97 + i).repeat(times),
    })
    return Effect.succeed({
      examples: (split) => [
        ...Array.from({ length: split === "validation" ? 0 : long[split] }, said(40)),
        ...Array.from({ length: 12 }, said(10)),
      ],
      sharesPrompts: true,
    })
  },
})

test("examples too long to train or to measure on are counted, noted and in run.json", async () => {
  const home = mkdtempSync(join(tmpdir(), "winnow-dropped-"))
  const run = async (long: { train: number; test: number }) => {
    const events: Array<ProgressEvent> = []
    const progress = Layer.succeed(Progress, { report: (e) => void events.push(e) })
    const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), progress)
    const resolved = resolve({ ...tiny, task: uneven(long) }, { arms: ["all"], seeds: [1] })
    const options = { slug: "000-tiny", results: join(home, "results") }
    const { directory } = await Effect.runPromise(
      Effect.flatMap(resolved, (r) => runDistillation(r, options)).pipe(Effect.provide(layers)),
    )
    const record = runRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))
    const notes = events.flatMap((e) => (e._tag === "note" ? [e.text] : []))
    const line = caption(record).filter((text) => text.startsWith("Left out"))
    const html = readFileSync(join(directory, "report.html"), "utf8")
    return { dropped: record.conditions.dropped, notes, line, html }
  }
  const some = await run({ train: 1, test: 3 })
  expect(some.dropped).toEqual({ train: 1, measured: 3 })
  const said = "3 of 15 examples of the test split are longer than 16 tokens and are not measured on"
  expect(some.notes.filter((text) => text === said).length).toBe(1)
  expect(some.line).toEqual(["Left out, as longer than maxLength: 1 examples to train on, 3 of uneven/test."])
  expect(some.html).toContain(some.line[0]!)

  const none = await run({ train: 0, test: 0 })
  expect(none.dropped).toEqual({ train: 0, measured: 0 })
  expect(none.notes.some((text) => text.includes("longer than"))).toBe(false)
  expect(none.line).toEqual([])
})
