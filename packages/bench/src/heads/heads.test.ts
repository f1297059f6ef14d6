/** `bench heads`: three trainings of one head with one first loss, what they train, and refusals. */
import { expect, test } from "bun:test"
import { runBench } from "../side-by-side/fake-peer.fixture.ts"
import type { HeadsReport } from "./bench-heads.ts"
import { headNames } from "./trainings.ts"

const small = ["--target", "32,2,2,64", "--vocabulary", "40", "--batch", "2", "--length", "20", "--batches", "2"]

for (const head of headNames)
  test(`${head}: the forms begin with the same loss; full training trains the target too`, () => {
    const { exitCode, stdout, stderr } = runBench("heads", ...small, "--head", head, "--rounds", "2", "--json")
    expect([exitCode, stderr]).toEqual([0, ""])
    const { sides } = JSON.parse(stdout) as HeadsReport
    expect(sides.map(({ name }) => name)).toEqual(["full", "frozen", "cached"])
    const [full, frozen, cached] = sides
    expect(frozen!.firstLoss).toBe(full!.firstLoss)
    expect(cached!.firstLoss).toBe(full!.firstLoss)
    expect(frozen!.trained).toBe(cached!.trained)
    // the target: an embedding and a vocabulary head, two layers, norms
    expect(full!.trained - frozen!.trained).toBe(2 * 40 * 32 + 2 * (4 * 32 * 32 + 3 * 32 * 64 + 2 * 32) + 32)
    expect(full!.speed.each).toEqual([1, 1])
    expect([full!.cacheMegabytes, frozen!.cacheMegabytes]).toEqual([0, 0])
    // two batches of 2 sequences of 20 positions, 32 numbers each
    expect(cached!.cacheMegabytes * 2 ** 20).toBe(2 * 2 * 20 * 32 * 4)
  })

test("sizes that no model has are refused in one line", () => {
  const { exitCode, stdout, stderr } = runBench("heads", "--target", "33,2,2,64")
  expect([exitCode, stdout]).toEqual([2, ""])
  expect(stderr).toContain("--target")
})
