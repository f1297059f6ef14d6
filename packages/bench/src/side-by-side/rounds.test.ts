/** Rounds in turns: their order, and which are done again. */
import { expect, test } from "bun:test"
import { coresOf, watchOthers } from "./others.ts"
import { inTurn, isQuiet, quietLine, runRounds } from "./rounds.ts"

const spin = (seconds: number) =>
  Bun.spawn([process.execPath, "-e", `for (const until = Date.now() + ${1000 * seconds}; Date.now() < until; );`])
const linux = test.skipIf(process.platform !== "linux")
const me = { worker: { pid: process.pid } }

test("every second round begins with the last side; answers are in the order of the sides", async () => {
  expect([0, 1, 2].map((round) => inTurn(["a", "b", "c"], round).join(""))).toEqual(["abc", "cba", "abc"])
  const asked: Array<string> = []
  const sides = ["a", "b"].map((name) => ({ ...me, name }))
  const { answers, repeatedRounds } = await runRounds(
    { sides, warmUp: 1, count: 2, patience: 0, say: () => {} },
    async ({ name }, round) => {
      asked.push(`${name}${round}`)
      return { answer: `${name}${round}`, shown: "" }
    },
  )
  expect(asked).toEqual(["a0", "b0", "b1", "a1", "a2", "b2"])
  expect(answers).toEqual([
    ["a1", "b1"],
    ["a2", "b2"],
  ])
  expect(repeatedRounds).toBe(0)
})

linux("work of other programs counts, work of the sides does not", async () => {
  const program = spin(2)
  const [all, others] = [watchOthers([process.pid]), watchOthers([process.pid, program.pid])]
  await Bun.sleep(1000)
  const apart = coresOf([all()])! - coresOf([others()])!
  program.kill()
  await program.exited
  // beside a full machine the program has but a share of a core
  expect(apart).toBeWithin(0.05, 1.1)
})

linux("with patience a round in which others computed is done again, until patience ends", async () => {
  const lines: Array<string> = []
  const program = spin(20) // another program: no round is quiet
  const { answers, othersCores, repeatedRounds, waitedSeconds } = await runRounds(
    { sides: [me], warmUp: 0, count: 1, patience: 2, say: (line) => lines.push(line) },
    async () => {
      await Bun.sleep(1200)
      return { answer: 1, shown: "" }
    },
  )
  program.kill()
  await program.exited // an ended child counts as the comparison's own
  expect(answers).toEqual([[1]])
  expect(waitedSeconds).toBeGreaterThanOrEqual(2)
  // at a busy moment the first look alone may use the patience up
  expect(lines.filter((line) => line.startsWith("again"))).toHaveLength(repeatedRounds)
  expect(othersCores).toBeGreaterThan(0.25)
  expect(quietLine({ othersCores, repeatedRounds, waitedSeconds })[0]).toContain("believe ratios, not seconds")
})

test("a moment is quiet when others take at most a quarter of a core, and where nobody tells", () => {
  const taken = (coreSeconds: number) => ({ coreSeconds, seconds: 4 })
  expect([taken(1), taken(1.2), null].map(isQuiet)).toEqual([true, false, true])
  expect(coresOf([taken(2), taken(0)])).toBe(0.25)
  expect(coresOf([taken(2), null])).toBeNull()
  expect(quietLine({ othersCores: null, repeatedRounds: 0, waitedSeconds: 0 })).toEqual([])
})
