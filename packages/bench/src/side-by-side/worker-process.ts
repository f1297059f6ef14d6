/**
 * A side of a comparison as a child process, and the check that a peer can be one.
 *
 * Every worker speaks one protocol in lines: {"ready"} when it is; a line such as "step" in, {"seconds"} and what else it
 * has to tell out; at its input's end {"peakMegabytes"}. It only works while it is asked, so that sides can take turns.
 */
import { UsageError } from "../options.ts"
import { type Environment, hugePages, keepFreedMemory } from "./peer-sides.ts"

export interface Answer {
  readonly seconds: number
}

/** The message of a worker that is ready. */
interface Ready {
  readonly ready: string
  readonly versions?: Readonly<Record<string, string>>
}

export interface Worker {
  /** The name that it gives itself. */
  readonly name: string
  /** Versions of what it runs on, by name; empty where it does not tell. */
  readonly versions: Readonly<Record<string, string>>
  readonly pid: number
  /** Does what the line asks for; its answer. */
  readonly ask: <A extends Answer = Answer>(line: string) => Promise<A>
  /** Ends it; its highest resident size, MB. */
  readonly end: () => Promise<number>
}

/** A worker that ended before it answered; the message has the end of its stderr. */
export class WorkerEnded extends Error {
  override readonly name = "WorkerEnded"
}

/** Long enough for a first import of PyTorch from a cold disk. */
const importSeconds = 120

/**
 * Makes sure that `peer` runs and has what the peer's script imports, in a process of its own: seconds, not a stack trace later.
 *
 * @error UsageError, of one line, when it does not
 */
export const checkPeer = async (
  peer: string,
  packages: ReadonlyArray<string> = ["torch", "transformers"],
): Promise<void> => {
  const imports = `import ${packages.join(", ")}`
  const asked = `--peer ${JSON.stringify(peer)}`
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
      const found = code === "ENOENT" ? "there is no such program (ENOENT)" : `it cannot be run (${code})`
      throw new UsageError(
        `${asked}: ${found}; expected a Python that has ${packages.join(" and ")}; give its path, as in --peer ~/venv/bin/python`,
      )
    }
  }
  const child = start()
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (code === 0) return
  const last = stderr.trim().split("\n").at(-1)?.trim()
  const found =
    child.signalCode === null ? last || `exit code ${code}` : `ended by ${child.signalCode} (it has ${importSeconds} s)`
  throw new UsageError(
    `${asked}: \`${imports}\` fails there: ${found}; expected a Python that has both; install them with \`${peer} -m pip install ${packages.join(" ")}\`, or give another`,
  )
}

/** Variables that a side has only where the comparison gives them to it: a user's own must not decide who is faster. */
const decisive = Object.keys({ ...keepFreedMemory, ...hugePages })

/** The environment of a side: the command's own, without the allocator's settings, and what is given. */
export const environmentOf = (given: Environment): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !decisive.includes(name))),
  PYTHONDONTWRITEBYTECODE: "1", // the peers' folder is not for Python to write in
  ...given,
})

/**
 * Starts a worker and waits until it says that it is ready.
 *
 * @param environment variables beyond the command's own
 * @error WorkerEnded when it ends before it has answered
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
  const { ready, versions = {} } = await answer<Ready>()
  return {
    name: ready,
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
