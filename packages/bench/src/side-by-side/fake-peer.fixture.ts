/** A stand-in for Python in tests: a peer that speaks the protocol and answers with invented seconds. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { comparisons } from "../comparisons.ts"

/**
 * Keeps a program for as long as `use` runs.
 *
 * @param answer body of a function of (line, kind), and of `args`, that answers a line; the peer's peak is its line
 * count
 */
export const withPeer = async <T>(answer: string, use: (peer: string) => T): Promise<Awaited<T>> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    const peer = join(folder, "peer")
    const program = `#!${process.execPath}
const args = process.argv.slice(2)
const answer = (line, kind) => { ${answer} }
const say = (x) => console.log(JSON.stringify(x))
if (args[0] === "-c") process.exit(0)
const kind = args[0].endsWith("torch_best_step.py") ? "best" : args.includes("--bf16") ? "bf16" : "fp32"
say({ ready: "a peer " + kind, versions: { peer: "1.2" } })
let lines = 0
for await (const line of console) if (line !== "") say(answer(line, kind)), lines++
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

/**
 * Runs a comparison in this process, which has loaded it already: for comparisons whose sides are processes of their own.
 *
 * @returns its stdout; rejects with the comparison's error
 */
export const callBench = async (name: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const { log, error } = console
  const lines: Array<string> = []
  console.log = (line: string) => void lines.push(`${line}\n`)
  console.error = () => {} // progress
  try {
    await (await comparisons[name]!.open())(args)
  } finally {
    Object.assign(console, { log, error })
  }
  return lines.join("")
}
