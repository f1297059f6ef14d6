import { expect, test } from "bun:test"
import { addressLimit, commandsNeed, engineNeed, limitProblem } from "./memory-limits.ts"
import { rootOf } from "./root-folder.fixture.ts"

const limits = (soft: string) => ({
  "proc/self/limits": `Limit                     Soft Limit           Hard Limit           Units\nMax address space         ${soft}           unlimited            bytes\n`,
})

test("a limit on addresses that is too low is a sentence with both sizes and the remedy", () => {
  expect(addressLimit(rootOf(limits("2048000000")))).toBe(2.048e9)
  expect(addressLimit(rootOf(limits("unlimited")))).toBe(Number.POSITIVE_INFINITY)
  expect(addressLimit(rootOf({}))).toBe(Number.POSITIVE_INFINITY)
  expect(limitProblem(commandsNeed, rootOf(limits("2048000000")))).toBe(
    "winnow needs 2.5 GB of addresses, and the limit on this process is 2.0 GB; raise it (`ulimit -v unlimited`)",
  )
  expect(limitProblem(commandsNeed, rootOf(limits("4096000000")))).toBeUndefined()
  expect(limitProblem(engineNeed(2), rootOf(limits("4096000000")))).toStartWith("TensorFlow needs 5.0 GB of addresses")
  expect(limitProblem(engineNeed(2), rootOf(limits("unlimited")))).toBeUndefined()
})

test("so is a control group of which too little is left", () => {
  const root = (limit: number) =>
    rootOf({
      "proc/self/cgroup": "0::/jobs/7\n",
      "sys/fs/cgroup/jobs/memory.max": `${limit}\n`,
      "sys/fs/cgroup/jobs/memory.current": "400000000\n",
    })
  expect(limitProblem(commandsNeed, root(450e6))).toBe(
    "winnow needs 0.2 GB of memory, and 0.1 GB are left of the control group's limit; raise the container's limit, or end other programs in it",
  )
  expect(limitProblem(commandsNeed, root(650e6))).toBeUndefined()
})

test("this process has enough memory", () => {
  expect(limitProblem(engineNeed())).toBeUndefined()
})
