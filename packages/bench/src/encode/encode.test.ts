/** `bench encode`: turns with a peer on real texts, ids compared by number and sum, and its refusals. */
import { expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { runBench, withPeer } from "../side-by-side/fake-peer.fixture.ts"
import { type EncodeReport, encodeLines } from "./bench-encode.ts"

const data = process.env["WINNOW_DATA"]
const missing = data === undefined || !existsSync(join(data, "gsm8k/train.jsonl"))
if (missing) console.log("bench encode is not tried: WINNOW_DATA has no gsm8k/train.jsonl")

test.skipIf(missing)("takes turns with both methods of a peer, and tells other ids", () =>
  withPeer("return { seconds: 2, tokens: line.length, sum: 1 }", (peer) => {
    const { exitCode, stdout, stderr } = runBench(
      ...["encode", "--peer", peer, "--problems", "30", "--vocabulary", "300", "--rounds", "1", "--json"],
    )
    expect([exitCode, stderr]).toEqual([0, ""])
    const { rows } = JSON.parse(stdout) as EncodeReport
    expect(rows.map(({ tokenizer }) => tokenizer)).toEqual(["gpt-neox", "own-bpe"])
    for (const { megabytes, ours, peers } of rows) {
      expect(peers.map(({ seconds }) => seconds)).toEqual([[2], [2]])
      expect(ours.megabytesPerSecond).toBeCloseTo(megabytes / ours.seconds[0]!, 6)
      expect(peers[0]!.speed.value).toBeCloseTo(2 / ours.seconds[0]!, 6)
      expect(ours.tokens).toBeGreaterThan(3000)
    }
    expect(rows[1]!.ours.tokens).toBeGreaterThan(rows[0]!.ours.tokens)
    expect(encodeLines(rows).filter((line) => line.includes("OTHER ids")).length).toBe(4)
  }),
)

test("a folder without the data is refused in one line", () => {
  const { exitCode, stdout, stderr } = runBench("encode", "--data", import.meta.dir)
  expect([exitCode, stdout]).toEqual([2, ""])
  expect(stderr).toContain("gsm8k/train.jsonl: give --data the folder that holds gsm8k/train.jsonl")
})
