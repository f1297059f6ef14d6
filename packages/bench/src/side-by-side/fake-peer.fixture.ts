/** Stands in for Python in tests: a peer that speaks the protocol and answers with seconds of its own making. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * A program, for as long as `use` runs.
 *
 * @param answer body of a function of (line, args): the answer to a line; its peak is the number of lines that it was asked
 */
export const withPeer = async <T>(answer: string, use: (peer: string) => T): Promise<Awaited<T>> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    const peer = join(folder, "peer")
    const program = `#!${process.execPath}
const args = process.argv.slice(2)
const answer = (line) => { ${answer} }
const say = (x) => console.log(JSON.stringify(x))
if (args[0] === "-c") process.exit(0)
say({ ready: args.includes("--bf16") ? "a peer bf16" : "a peer fp32" })
let lines = 0
for await (const line of console) if (line !== "") say(answer(line)), lines++
say({ peakMegabytes: lines })
`
    writeFileSync(peer, program)
    chmodSync(peer, 0o755)
    return await use(peer)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Runs `bun run bench` with these arguments. */
export const runBench = (...args: ReadonlyArray<string>) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, join(import.meta.dir, "../main.ts"), ...args], {
    timeout: 120_000,
  })
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}
