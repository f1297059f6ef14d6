import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Fiber, Layer } from "effect"
import type { Stage } from "../../stage.ts"
import { makeStore } from "../../store/store.ts"
import { jobsOf } from "../launch-folder.ts"
import { SlurmClient } from "./client.ts"
import { openQueue } from "./queue.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-queue-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

test("a stop while sbatch runs waits for its answer: the launch knows the job, and the next stage is not submitted", async () => {
  const folder = join(home, "launches", "one")
  let [began, submitted] = [() => {}, 0]
  const running = new Promise<void>((resolve) => {
    began = resolve
  })
  const fake = Layer.succeed(SlurmClient, {
    submit: () =>
      Effect.callback((resume) => {
        began()
        setTimeout(() => resume(Effect.succeed(String(++submitted))), 100)
      }),
    tryOut: () => Effect.void,
    queued: () => Effect.succeed(new Map()),
    ended: () => Effect.succeed(undefined),
    cluster: Effect.succeed({ name: "test", largestArray: 1 }),
    cancel: () => Effect.void,
  })
  const stage = (key: string): Stage => ({
    ...{ kind: "target", label: key, key, made: {}, inputs: [], unit: "steps", work: { flops: 1 }, alone: false },
    run: () => Effect.succeed({}),
  })
  const launch = {
    folder,
    name: "winnow-test",
    settings: {},
    memory: 1e9,
    devices: 1,
    store: makeStore(home),
    say: () => {},
  }
  const command = Effect.andThen(openQueue(launch), ({ submitAll }) => submitAll([stage("first"), stage("second")]))
  const fiber = Effect.runFork(Effect.provide(command, fake))
  await running
  await Effect.runPromise(Fiber.interrupt(fiber))
  expect([...jobsOf(folder)]).toEqual([["first", "1"]])
  expect(submitted).toBe(1)
})
