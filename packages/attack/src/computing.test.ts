import { expect, test } from "bun:test"
import { computedBy } from "./computing.ts"

test("the processor time of a process and its children counts; the time that they wait does not", async () => {
  const script = 'sh -c "while :; do :; done" & read line; kill $!'
  const child = Bun.spawn(["sh", "-c", script], { stdin: "pipe" })
  const before = computedBy(child.pid)
  const own = process.cpuUsage()
  while (computedBy(child.pid) < before + 0.2) await Bun.sleep(20) // the loop ends only if the children's time counts
  expect(computedBy(process.pid)).toBeGreaterThanOrEqual(process.cpuUsage(own).user / 1e6)
  child.stdin.write("\n")
  child.stdin.end()
  await child.exited
  expect(computedBy(child.pid)).toBe(0)
  const idle = Bun.spawn(["sleep", "9"])
  await Bun.sleep(100)
  expect(computedBy(idle.pid)).toBeLessThan(0.1)
  idle.kill()
})
