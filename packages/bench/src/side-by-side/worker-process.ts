/**
 * A side of a comparison as a child process, and the check of a peer.
 *
 * Every worker speaks one protocol of lines. It prints {"ready"}; for each line such as "step" it prints {"seconds"}
 * and other fields; when its input ends it prints {"peakMegabytes"}. It works only on request, so that sides can take
 * turns.
 */
import { keptMemory } from "@winnow/engine"
import { UsageError } from "../options.ts"
import { type Environment, hugePages, keepFreedMemory } from "./peer-sides.ts"

export interface Answer {
  readonly seconds: number
}

/** The message of a worker that is ready. */
interface Ready {
  readonly ready: string
  readonly versions?: Readonly<Record<string, string>>
  readonly helpers?: ReadonlyArray<number>
}

export interface Worker {
  /** The worker's own name. */
  readonly name: string
  /** Versions of its libraries, by name; empty if it reports none. */
  readonly versions: Readonly<Record<string, string>>
  readonly pid: number
  /** Processes that compute with it; none if left out. */
  readonly helpers?: ReadonlyArray<number> | undefined
  /** Sends a line and returns the answer. */
  readonly ask: <A extends Answer = Answer>(line: string) => Promise<A>
  /** Ends the worker and returns its highest resident size, MB. */
  readonly end: () => Promise<number>
}

/** A worker ended before its answer; the message has the end of its stderr. */
export class WorkerEnded extends Error {
  override readonly name = "WorkerEnded"
}

/** Long enough for a first import of PyTorch from a cold disk. */
const importSeconds = 120

/**
 * Checks in a process of its own that `peer` runs and can import the script's packages: it fails early, without a stack
 * trace.
 *
 * @error UsageError, one line, if it cannot
 */
export const checkPeer = async (
  peer: string,
  packages: ReadonlyArray<string> = ["torch", "transformers"],
): Promise<void> => {
  const imports = `import ${packages.join(", ")}`
  const option = `--peer ${JSON.stringify(peer)}`
  const start = () => {
    try {
      return Bun.spawn([peer, "-c", imports], {
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
        timeout: importSeconds * 1000,
      })
    } catch (cause) {
      const code = (cause as { code?: string }).code ?? (cause as Error).message
      const problem = code === "ENOENT" ? "there is no such program (ENOENT)" : `it cannot be run (${code})`
      throw new UsageError(
        `${option}: ${problem}; expected a Python that has ${packages.join(" and ")}; give its path, as in --peer ~/venv/bin/python`,
      )
    }
  }
  const child = start()
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (code === 0) return
  const last = stderr.trim().split("\n").at(-1)?.trim()
  const failure =
    child.signalCode === null ? last || `exit code ${code}` : `ended by ${child.signalCode} (it has ${importSeconds} s)`
  throw new UsageError(
    `${option}: \`${imports}\` fails there: ${failure}; expected a Python that has ${packages.join(" and ")}; install them with \`${peer} -m pip install ${packages.join(" ")}\`, or give another`,
  )
}

/** Variables that only the comparison may set: a user's own setting must not decide the outcome. */
const decisive = Object.keys({ ...keepFreedMemory, ...hugePages })

/** The environment of a side: the command's own, without allocator settings, `variables`, and that of our workers. */
export const environmentOf = (variables: Environment): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !decisive.includes(name))),
  PYTHONDONTWRITEBYTECODE: "1", // Python must not write into the peers' folder
  ...keptMemory,
  ...variables,
})

/**
 * Starts a worker and waits until it is ready.
 *
 * @param environment variables beyond the command's own
 * @error WorkerEnded when it ends before its answer
 */
export const startWorker = async (command: ReadonlyArray<string>, environment: Environment = {}): Promise<Worker> => {
  const env = environmentOf(environment)
  const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe", env })
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let pending = ""
  const answer = async <T>(): Promise<T> => {
    for (;;) {
      const end = pending.indexOf("\n")
      if (end >= 0) {
        const line = pending.slice(0, end)
        pending = pending.slice(end + 1)
        if (line.startsWith("{")) return JSON.parse(line) as T
        continue
      }
      const { value, done } = await lines.read()
      if (done) {
        const stderr = (await new Response(child.stderr).text()).trim().slice(-2000)
        throw new WorkerEnded(`${command.join(" ")} ended before it answered; expected a line of JSON:\n${stderr}`)
      }
      pending += value
    }
  }
  const { ready, versions = {}, helpers } = await answer<Ready>()
  return {
    name: ready,
    helpers,
    versions,
    pid: child.pid,
    ask: async <A extends Answer = Answer>(line: string) => {
      child.stdin.write(`${line}\n`)
      await child.stdin.flush()
      return answer<A>()
    },
    end: async () => {
      child.stdin.end()
      const { peakMegabytes } = await answer<{ peakMegabytes: number }>()
      await child.exited
      return peakMegabytes
    },
  }
}
