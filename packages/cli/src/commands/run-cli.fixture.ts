/** Runs the command line in a process of its own, as a user does, or in one process for the commands of a test file. */
import { afterAll } from "bun:test"
import { join } from "node:path"
import type { HostedCommand } from "./cli-host.fixture.ts"

const main = join(import.meta.dir, "..", "main.ts")
const hostFile = join(import.meta.dir, "cli-host.fixture.ts")

/** The end of a process: all that it wrote, and its exit code. */
export interface Ended {
  readonly out: string
  readonly err: string
  readonly code: number
}

/**
 * Starts `winnow` with these arguments.
 *
 * @param env variables beside those of this process
 */
export const startCli = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>, cwd = process.cwd()) =>
  Bun.spawn([process.execPath, main, ...args], { env: { ...process.env, ...env }, cwd, stdout: "pipe", stderr: "pipe" })

/** Waits for the end of a process that `startCli` or the like began. */
export const endOf = async (child: Bun.Subprocess<"ignore" | "pipe" | "inherit", "pipe", "pipe">): Promise<Ended> => {
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { out, err, code }
}

/** Runs `winnow` to its end. */
export const runCli = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<Ended> => endOf(startCli(args, env, cwd))

/** Reads a stream up to a mark, or up to its end; what follows the mark is kept for the next call. */
const upTo = (stream: ReadableStream<Uint8Array>) => {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let text = ""
  return async (mark: string): Promise<{ readonly text: string; readonly ended: boolean }> => {
    while (!text.includes(mark)) {
      const { done, value } = await reader.read()
      if (done) return { text, ended: true }
      text += decoder.decode(value, { stream: true })
    }
    const at = text.indexOf(mark)
    const before = text.slice(0, at)
    text = text.slice(at + mark.length)
    return { text: before, ended: false }
  }
}

const startHost = () => {
  let answered = (_code: number) => {}
  const child = Bun.spawn([process.execPath, hostFile], {
    stdout: "pipe",
    stderr: "pipe",
    ipc: (code: number) => answered(code),
    serialization: "json",
  })
  const [readOut, readErr] = [upTo(child.stdout), upTo(child.stderr)]
  const run = async (command: Omit<HostedCommand, "end">): Promise<Ended> => {
    const end = `\0${crypto.randomUUID()}\0`
    const code = new Promise<number>((resolve) => {
      answered = resolve
    })
    child.send({ ...command, end } satisfies HostedCommand)
    const [out, err] = await Promise.all([readOut(end), readErr(end)])
    if (out.ended || err.ended) throw new Error(`the host ended in: ${command.args.join(" ")}\n${out.text}${err.text}`)
    return { out: out.text, err: err.text, code: await code }
  }
  return { run, child }
}

/**
 * `runCli` in one process for all commands of a test file, which starts at the first one: a later command takes
 * milliseconds. Commands called at once run one after another. Modules stay loaded between them, so a file that a test
 * writes anew needs a new path or `runCli`.
 */
export const hostedCli = (): typeof runCli => {
  let host: ReturnType<typeof startHost> | undefined
  let last: Promise<unknown> = Promise.resolve()
  afterAll(async () => {
    await last
    host?.child.kill()
    await host?.child.exited
  })
  return (args, env, cwd = process.cwd()) => {
    const ended = last.then(() => {
      host ??= startHost()
      return host.run({ args, env: { ...process.env, ...env } as Record<string, string>, cwd })
    })
    last = ended.catch(() => {
      host?.child.kill()
      host = undefined
    })
    return ended
  }
}
