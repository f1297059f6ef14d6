/** Processes that train one stage: the weights are those of one process, to the last bit, in every number of them. */
import { afterAll, expect, test } from "bun:test"
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { microBatches, trained } from "./stage.fixture.ts"
import { turnsOf } from "./turns.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-sharing-"))
afterAll(() => rmSync(root, { recursive: true }))
const script = join(import.meta.dir, "member.fixture.ts")

/** All lines of JSON of some processes, by rank. */
const answersOf = (size: number, name: string): Promise<ReadonlyArray<ReadonlyArray<unknown>>> =>
  Promise.all(
    Array.from({ length: size }, async (_, rank) => {
      const args = [process.execPath, script, root, String(rank), String(size), name]
      const member = Bun.spawn(args, { stdout: "pipe", stderr: "inherit" })
      const text = await new Response(member.stdout).text()
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as unknown)
    }),
  )

test("two processes and three train, stop, lose one of them and resume as one process does", async () => {
  const whole = await trained({})
  const begun = await trained({ until: 3 })

  const [[first, last], [other]] = (await answersOf(2, "begin")) as unknown as [
    [
      Record<string, unknown>,
      { readonly lost: { readonly tag: string; readonly text: string }; readonly seconds: number },
    ],
    [Record<string, unknown>],
  ]
  expect(first).toEqual({ whole, begun, left: { tensors: 0, handles: 0 } })
  expect(other).toEqual({ whole, begun, left: { tensors: 0, handles: 0 } })

  // Only rank 0 writes checkpoints, and a process that is lost ends the stage soon.
  expect(existsSync(join(root, "begun", "step-00000003"))).toBe(true)
  expect(existsSync(join(root, "begun-of-rank-1"))).toBe(false)
  expect(last.lost.tag).toBe("PeerLost")
  expect(last.lost.text).toContain("test: step 5 of 6, one of the 2 processes ended or did not answer")
  expect(last.lost.text).toContain("The same command goes on from step 4")
  expect(last.seconds).toBeLessThan(60)

  // One process goes on from the checkpoint of two, and so do three.
  expect(await trained({ directory: join(root, "lost") })).toEqual(whole)
  cpSync(join(root, "begun"), join(root, "resumed"), { recursive: true })
  for (const [answer] of await answersOf(3, "resume")) expect(answer).toEqual(whole)
})

test("more processes than micro-batches are refused", async () => {
  const group = { rank: 0, size: microBatches + 1 } as never
  await expect(trained({ group })).rejects.toThrow(
    "6 processes, and a step has 5 micro-batches; take no more processes",
  )
})

test("a filter with a memory in tensors is refused, as no process hands it on", () => {
  const tensors = new Map([["mean", { shape: [1], read: () => new Float32Array(1), write: () => {} }]])
  const select = () => Uint8Array.of(1)
  const filter = { name: "average", needs: [], select, save: () => null, restore: () => {}, tensors }
  const { filter: shared } = turnsOf({ rank: 0, size: 2 } as never, filter)
  expect(() => shared.select({} as never)).toThrow("has a memory in tensors, which processes do not hand on")
})
