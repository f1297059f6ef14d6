import { expect, test } from "bun:test"
import { appendFileSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { eventsFile, metricsFile, readMetrics } from "../stage.ts"
import { addEvent, beginEvents, endEvents } from "./events.ts"

const folder = () => mkdtempSync(join(tmpdir(), "winnow-events-"))

test("a line that a kill cut short costs itself alone", () => {
  const directory = folder()
  beginEvents(directory)
  addEvent(directory, { step: 1 })
  appendFileSync(join(directory, eventsFile), '{"step":2,"lo')
  beginEvents(directory)
  addEvent(directory, { resumed: 1 })
  addEvent(directory, { step: 2 })
  expect(readMetrics(directory)).toEqual([{ step: 1 }, { resumed: 1 }, { step: 2 }])
})

test("the events of all attempts stay until the stage is whole, with any state of its metrics", () => {
  const directory = folder()
  beginEvents(directory)
  for (const step of [1, 2, 3]) addEvent(directory, { step })
  writeFileSync(join(directory, metricsFile), '{"step":1}\n{"st') // The process was killed while it wrote the metrics.
  beginEvents(directory)
  expect(readMetrics(directory).length).toBe(3)
  endEvents(directory)
  expect(readMetrics(directory).length).toBe(3)
})

test("a stage without a metrics file has its events in their order", async () => {
  const directory = folder()
  beginEvents(directory)
  endEvents(directory)
  expect(readMetrics(directory)).toEqual([])
  addEvent(directory, { step: 1 })
  endEvents(directory)
  await expect(Bun.file(join(directory, metricsFile)).text()).resolves.toBe('{"step":1}\n')
})

test("an attempt continues the metrics of an earlier version with a single file", () => {
  const directory = folder()
  writeFileSync(join(directory, metricsFile), '{"step":1}\n{"st')
  beginEvents(directory)
  addEvent(directory, { step: 2 })
  expect(readMetrics(directory)).toEqual([{ step: 1 }, { step: 2 }])
})
