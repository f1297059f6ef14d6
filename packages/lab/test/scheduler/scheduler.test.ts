/** A sweep of some hundred stages on the simulated cluster: all of it ends, soon, whatever breaks. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { simulate } from "./simulate.ts"

test("a sweep of 300 stages ends as many hours later as the cluster needs, in few submissions", async () => {
  const home = mkdtempSync(join(tmpdir(), "winnow-scheduler-"))
  const size = { arms: 30, seeds: 4, shards: 12 }
  const { stages, stored, failed, cluster, ...figures } = await simulate({ home, slots: 16, failsOneIn: 40, ...size })
  expect([stages, stored, failed]).toEqual([261, 261, 0])
  // One for each group of equals, one more for each stage that a broken one took along.
  expect(cluster.failures).toBeGreaterThan(1)
  expect(cluster.nodeFailures).toBeGreaterThan(1)
  expect(cluster.submissions).toBeLessThan(14 + 3 * cluster.failures)
  // Data, target and cache come one after another; then 120 cells of 360 s have 16 places.
  const least = (60 + 1800 + 600 + 5 + (120 * 360) / 16) / 3600
  expect(figures.clusterHours).toBeGreaterThan(least)
  expect(figures.clusterHours).toBeLessThan(1.3 * least)
  // Two looks at the queue, as the first may see a job that is about to be queued again.
  expect(figures.lateSeconds.median).toBeLessThan(11)
  expect(figures.lateSeconds.most).toBeLessThan(30)
  rmSync(home, { recursive: true })
})
