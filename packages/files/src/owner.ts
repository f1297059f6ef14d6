/**
 * The owner of a lock, a working folder or a run: a process that can be recognised even after its number was reused.
 */
import { existsSync, readFileSync } from "node:fs"
import { hostname } from "node:os"
import { type } from "arktype"

/** A process of any host. */
export interface ProcessIdentity {
  readonly host: string
  readonly pid: number
  /** Start of the process, in its system's notation; with `pid` it identifies a process for ever. */
  readonly started: string
}

/** One claim of a process. */
export interface Owner extends ProcessIdentity {
  /** Distinguishes two claims of one process. */
  readonly token: string
}

const Record = type({ host: "string", pid: "number.integer > 0", started: "string", token: "string" })

/** The identity of this process. */
export const thisProcess = (): ProcessIdentity => ({
  host: hostname(),
  pid: process.pid,
  started: startOf(process.pid) ?? "unknown",
})

/** A new claim of this process. */
export const thisOwner = (): Owner => ({ ...thisProcess(), token: crypto.randomUUID() })

/** The owner in `text`; undefined for any other text, such as half of a file. */
export const parseOwner = (text: string): Owner | undefined => {
  try {
    const owner = Record(JSON.parse(text))
    return owner instanceof type.errors ? undefined : owner
  } catch {
    return undefined
  }
}

/**
 * True if a process runs, false if it is gone or its number was reused. Undefined for a process of another host, which
 * cannot be asked: the caller decides by heartbeat or age, or assumes that it lives.
 */
export const isAlive = ({ host, pid, started: claimed }: ProcessIdentity): boolean | undefined => {
  if (host !== hostname()) return undefined
  try {
    process.kill(pid, 0)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ESRCH") return false
  }
  const started = startOf(pid)
  return started === undefined || claimed === "unknown" || started === claimed
}

/** Linux: boot and clock tick of the start (field 22 of stat, after the name, which may contain spaces); else `ps`. */
const startOf = (pid: number): string | undefined => {
  try {
    if (existsSync("/proc/self/stat")) {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      return fields[0] === "Z" ? "ended" : `${boot} ${fields[19]}` // Z: dead, but its parent has not collected it yet
    }
    const { stdout, success } = Bun.spawnSync(["ps", "-o", "lstart=", "-p", String(pid)], {
      env: { LC_ALL: "C", PATH: "/bin:/usr/bin" },
    })
    return success ? stdout.toString().trim() : undefined
  } catch {
    return undefined
  }
}
