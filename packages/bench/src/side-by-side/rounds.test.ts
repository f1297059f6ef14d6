/** Rounds in turns: their order, and the turns that are repeated. */
import { expect, test } from "bun:test"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { getPriority } from "node:os"
import { coresOf, secondsOf, watchOthers } from "./others.ts"
import { setSessionPriority } from "./priority.ts"
import { inTurn, isQuiet, quietLine, runRounds } from "./rounds.ts"

const spin = (seconds: number) =>
  Bun.spawn([process.execPath, "-e", `for (const until = Date.now() + ${1000 * seconds}; Date.now() < until; );`])
const linux = test.skipIf(process.platform !== "linux")
const me = { worker: { pid: process.pid } }

test("every second round begins with the last side; answers are in the order of the sides", async () => {
  expect([0, 1, 2].map((round) => inTurn(["a", "b", "c"], round).join(""))).toEqual(["abc", "cba", "abc"])
  const order: Array<string> = []
  const sides = ["a", "b"].map((name) => ({ ...me, name }))
  const { answers, repeatedTurns } = await runRounds(
    { sides, warmUp: 1, count: 2, patience: 0, priority: false, say: () => {} },
    async ({ name }, round) => {
      order.push(`${name}${round}`)
      return { answer: `${name}${round}`, text: "" }
    },
  )
  expect(order).toEqual(["a0", "b0", "b1", "a1", "a2", "b2"])
  expect(answers).toEqual([
    ["a1", "b1"],
    ["a2", "b2"],
  ])
  expect(repeatedTurns).toBe(0)
})

linux("other programs' work counts, the sides' work does not", async () => {
  const program = spin(20)
  const [all, others] = [watchOthers([process.pid]), watchOthers([process.pid, program.pid])]
  // On a full machine the program has only a share of a core.
  while (secondsOf(program.pid) < 0.5) await Bun.sleep(50)
  const apart = all()!.coreSeconds - others()!.coreSeconds
  program.kill()
  await program.exited
  expect(apart).toBeWithin(0.3, 0.8)
})

linux("with patience a disturbed turn is repeated until patience ends", async () => {
  const lines: Array<string> = []
  const program = spin(20) // another program: no turn is quiet
  const { answers, othersCores, repeatedTurns, waitedSeconds } = await runRounds(
    { sides: [me], warmUp: 0, count: 1, patience: 2, priority: false, say: (line) => lines.push(line) },
    async () => {
      await Bun.sleep(1200)
      return { answer: 1, text: "" }
    },
  )
  program.kill()
  await program.exited // an ended child counts for the comparison itself
  expect(answers).toEqual([[1]])
  expect(waitedSeconds).toBeGreaterThanOrEqual(2)
  // At a busy moment the first look alone may exhaust the patience.
  expect(lines.filter((line) => line.startsWith("again"))).toHaveLength(repeatedTurns)
  expect(othersCores).toBeGreaterThan(0.1)
  expect(quietLine({ othersCores, repeatedTurns, waitedSeconds, priority: false })[0]).toContain(
    "believe ratios, not seconds",
  )
})

/** Priorities of all threads of a process. */
const prioritiesOf = (pid: number) => readdirSync(`/proc/${pid}/task`).map((thread) => getPriority(Number(thread)))

const root = process.getuid?.() === 0
test.skipIf(process.platform !== "linux" || !root)(
  "all threads of a side have the highest priority in its turn, none afterwards, and the bench itself never",
  async () => {
    const threads = `setInterval(() => {}, 1000); require("node:fs/promises").readFile("/proc/self/stat")`
    const program = Bun.spawn([process.execPath, "-e", threads])
    while (prioritiesOf(program.pid).length < 2) await Bun.sleep(20)
    const { answers, priority } = await runRounds(
      { sides: [{ worker: program }], warmUp: 0, count: 1, patience: 0, priority: true, say: () => {} },
      async () => ({ answer: [prioritiesOf(program.pid), prioritiesOf(process.pid)], text: "" }),
    )
    const [own, bench] = answers[0]![0]!
    expect(own!.length).toBeGreaterThan(1)
    expect([new Set(own), new Set(bench)]).toEqual([new Set([-20]), new Set([0])])
    expect(new Set(prioritiesOf(program.pid))).toEqual(new Set([0]))
    expect(priority).toBe(true)
    program.kill()
  },
)

const grouped = process.platform === "linux" && existsSync("/proc/1/autogroup")
test.skipIf(!grouped || !root || readFileSync("/proc/1/autogroup", "utf8") !== "")(
  "a process without a session of its own is not refused: its threads' priorities suffice",
  () => {
    expect(() => setSessionPriority(1, 0)).not.toThrow()
  },
)

test("a moment is quiet if others use at most a tenth of a core, or if their use is unknown", () => {
  const othersTime = (coreSeconds: number) => ({ coreSeconds, seconds: 4 })
  expect([othersTime(0.4), othersTime(0.5), null].map(isQuiet)).toEqual([true, false, true])
  expect(coresOf([othersTime(2), othersTime(0)])).toBe(0.25)
  expect(coresOf([othersTime(2), null])).toBeNull()
  expect(quietLine({ othersCores: null, repeatedTurns: 0, waitedSeconds: 0, priority: false })).toEqual([])
})
