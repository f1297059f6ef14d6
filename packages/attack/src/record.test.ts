/** A record over several goes: every trial counts once, and a stopped go counts its trials. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { addToRecord, nextTrial, readAttacks } from "./record.ts"
import type { Counts } from "./run.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-attack-record-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const go = (kind: string, first: number, tried: number, detail = ""): Counts => ({
  kind,
  of: `${kind} of a test`,
  first,
  tried,
  outcomes: { refused: tried - 1, same: 0, faithful: 0, read: 0, wrong: 1 },
  seconds: 2,
  longest: first,
  failures: [{ trial: first, outcome: "wrong", damage: "a byte", detail }],
})

test("goes are summed by kind; the next go begins after the last trial of its seed", () => {
  const file = join(folder, "sums.json")
  expect(nextTrial(readAttacks(file), 1, "models")).toBe(0)
  addToRecord(file, { seed: 1, minutes: 1 }, [go("models", 0, 10), go("kills", 0, 2)])
  addToRecord(file, { seed: 1, minutes: 1 }, [go("models", 10, 5)])
  addToRecord(file, { seed: 2, minutes: 1 }, [go("models", 0, 7)])
  const record = readAttacks(file)!
  expect(["models", "kills", "disks"].map((kind) => nextTrial(record, 1, kind))).toEqual([15, 2, 0])
  expect(nextTrial(record, 2, "models")).toBe(7)
  expect(record.kinds.map(({ kind, tried, seconds, longest }) => [kind, tried, seconds, longest])).toEqual([
    ["kills", 2, 2, 0],
    ["models", 22, 6, 10],
  ])
  expect(record.kinds[1]!.outcomes).toEqual({ refused: 19, same: 0, faithful: 0, read: 0, wrong: 3 })
  expect(record.kinds[1]!.failures.length).toBe(3)
})

test("a failure names no path of this machine", () => {
  const file = join(folder, "places.json")
  const detail = `${import.meta.path}: ENOENT, /dev/shm/winnow-attack-models-x1/config.json`
  addToRecord(file, { seed: 1, minutes: 1 }, [go("models", 0, 1, detail)])
  expect(readAttacks(file)!.kinds[0]!.failures).toMatchObject([
    { detail: "./packages/attack/src/record.test.ts: ENOENT, <folder>/config.json" },
  ])
})

test("a stopped go writes its counts and leaves no files behind", async () => {
  const file = join(folder, "stopped.json")
  const main = join(import.meta.dir, "main.ts")
  const command = [process.execPath, main, "--kind", "tokenizers", "--minutes", "5", "--json", file]
  const env = { ...process.env, WINNOW_ATTACK_FOLDER: mkdtempSync(join(folder, "place-")) }
  const child = Bun.spawn(command, { env, stdout: "pipe", stderr: "pipe" })
  while (readdirSync(env.WINNOW_ATTACK_FOLDER).length === 0) await Bun.sleep(50)
  await Bun.sleep(2000) // time for its set-up and some trials
  child.kill("SIGTERM")
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  expect([await child.exited, err]).toEqual([130, ""])
  const { kinds, goes } = readAttacks(file)!
  expect(out).toContain(`${kinds[0]!.tried} tried`)
  expect(kinds.map(({ kind }) => kind)).toEqual(["tokenizers"])
  expect(goes[0]!.kinds).toEqual([{ kind: "tokenizers", first: 0, tried: kinds[0]!.tried }])
  expect(readdirSync(env.WINNOW_ATTACK_FOLDER)).toEqual([])
})
