/** Processes of one machine that compute together: sums in one order, values for all, and a member that is lost. */
import { afterAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openEngine } from "../engine.ts"
import { native } from "../native/native.ts"
import { tf } from "../tf.ts"
import { meet } from "./meet.ts"
import { tensorsOf } from "./numbers.fixture.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-group-"))
afterAll(() => rmSync(root, { recursive: true }))
const script = join(import.meta.dir, "member.fixture.ts")

const start = (folder: string, rank: number, size: number, name: string, way: "memory" | "network" = "memory") =>
  Bun.spawn([process.execPath, script, join(root, folder), String(rank), String(size), name, way], {
    stdout: "pipe",
    stderr: "inherit",
  })

/** The lines of a member, as they come. */
const linesOf = (member: ReturnType<typeof start>) => {
  const reader = member.stdout.getReader()
  let text = ""
  return async (): Promise<unknown> => {
    while (!text.includes("\n")) {
      const { value, done } = await reader.read()
      if (done) throw new Error(`a member ended and left ${JSON.stringify(text)}`)
      text += Buffer.from(value).toString()
    }
    const [line, ...rest] = text.split("\n")
    text = rest.join("\n")
    return JSON.parse(line!)
  }
}

interface Sums {
  readonly sums: ReadonlyArray<Record<string, string>>
  readonly again: Record<string, string>
  readonly left: unknown
  readonly texts: unknown
  readonly empty: unknown
  readonly inMemory: unknown
}

/** The sums of 1, 2, 3 and 5 batches in one process, batch after batch. */
const alone = (names: ReadonlyArray<string>, shapeOf: (name: string) => ReadonlyArray<number>) =>
  [1, 2, 3, 5].map((batches) =>
    tf.tidy(() => {
      const shapes = names.map((name) => ({ name, shape: shapeOf(name) }))
      const all = Array.from({ length: batches }, (_, batch) => tensorsOf(shapes, batch))
      return Object.fromEntries(
        names.map((name) => {
          const sum = all.map((of) => of[name]!).reduce((a, b) => tf.add(a, b))
          return [name, `${sum.shape} ${Bun.hash(sum.dataSync().buffer as ArrayBuffer)}`]
        }),
      ) as never
    }),
  ) as unknown as ReadonlyArray<Record<string, string>>

/** Files of the memory of groups. */
const files = () => (existsSync("/dev/shm") ? readdirSync("/dev/shm").filter((name) => name.startsWith("winnow-")) : [])

for (const [size, way] of [
  [2, "memory"],
  [3, "memory"],
  [3, "network"],
] as const)
  test(`${size} processes add through ${way} as one process does, to the last bit, and leave no tensor`, async () => {
    const before = files()
    const members = Array.from({ length: size }, (_, rank) => start(`sum-${size}-${way}`, rank, size, "sum", way))
    const answers = (await Promise.all(members.map((member) => linesOf(member)()))) as ReadonlyArray<Sums>
    const [{ sums }] = answers as [Sums]
    const shapeOf = (name: string) => sums[0]![name]!.split(" ")[0]!.split(",").filter(Boolean).map(Number)
    const expected = alone(Object.keys(sums[0]!), shapeOf)
    expect(Object.keys(sums[0]!)).toHaveLength(11)
    expect(files().filter((name) => !before.includes(name))).toEqual([])
    for (const answer of answers) {
      expect(answer.sums).toEqual(expected)
      expect(answer.again).toEqual(expected[3]!)
      expect(answer.left).toEqual({ tensors: 0, handles: 0 })
      const texts = answers.map((_, rank) => ({ rank, text: "é".repeat(5000 * (rank + 1)), number: 0.1 + rank }))
      expect(answer.texts).toEqual(texts)
      expect(answer.empty).toEqual(answers.map(() => null))
      expect(answer.inMemory).toEqual([way === "memory" && existsSync("/dev/shm") && native() !== undefined])
    }
  })

for (const [how, signal, name] of [
  ["was killed", "SIGKILL", "exchange-lost"],
  ["does not go on", "SIGSTOP", "sum-lost"],
] as const)
  test(`a member that ${how} is noticed`, async () => {
    const members = [0, 1].map((rank) => start(name, rank, 2, name))
    const [first, second] = members.map(linesOf)
    expect(await Promise.all([first!(), second!()])).toEqual(["here", "here"])
    members[1]!.kill(signal)
    const answer = (await first!()) as { readonly lost: boolean; readonly text: string; readonly seconds: number }
    expect(answer).toMatchObject({ lost: true })
    expect(answer.text).toContain("a process of the group does not answer")
    expect(answer.seconds).toBeLessThan(20)
    members[1]!.kill("SIGKILL")
  })

test("a member that does not start is named", async () => {
  const meeting = { folder: join(root, "alone"), rank: 1, size: 3, host: "127.0.0.1", limit: 200 }
  await expect(meet(meeting)).rejects.toThrow("rank 0, 2 of 3 did not start within 0.2 s")
})

test("an engine that is open joins no group, and says so", async () => {
  await openEngine()
  const group = { rank: 0, members: ["127.0.0.1:1", "127.0.0.1:2"] }
  await expect(openEngine({ group })).rejects.toThrow("joins a group only as it opens")
})
