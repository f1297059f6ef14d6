/** Who holds a lock or a working folder, or began a run: a process that can be recognised even after its number was given away again. */
import { existsSync, readFileSync } from "node:fs"
import { hostname } from "node:os"
import { type } from "arktype"

/** A process of some host. */
export interface ProcessIdentity {
  readonly host: string
  readonly pid: number
  /** When the process started, in words of its system; with `pid` it names one process for ever. */
  readonly started: string
}

/** A process, and one claim of it. */
export interface Owner extends ProcessIdentity {
  /** Tells two claims of one process apart. */
  readonly token: string
}

const Record = type({ host: "string", pid: "number.integer > 0", started: "string", token: "string" })

/** This process. */
export const thisProcess = (): ProcessIdentity => ({
  host: hostname(),
  pid: process.pid,
  started: startOf(process.pid) ?? "unknown",
})

/** This process, with a new token. */
export const thisOwner = (): Owner => ({ ...thisProcess(), token: crypto.randomUUID() })

/** The owner written in `text`, or undefined when it is none (a file caught half written, or of something else). */
export const parseOwner = (text: string): Owner | undefined => {
  try {
    const owner = Record(JSON.parse(text))
    return owner instanceof type.errors ? undefined : owner
  } catch {
    return undefined
  }
}

/**
 * True if a process runs, false if it is gone or its number was given to another one. Undefined for a process of another
 * host: it cannot be asked, so the caller decides by a heartbeat or an age, or believes that it lives.
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

/** Linux: boot and clock tick of the start (field 22 of stat, counted after the name, which may hold spaces); else `ps`. */
const startOf = (pid: number): string | undefined => {
  try {
    if (existsSync("/proc/self/stat")) {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
      return fields[0] === "Z" ? "ended" : `${boot} ${fields[19]}` // Z: killed, and not yet collected by its parent
    }
    const { stdout, success } = Bun.spawnSync(["ps", "-o", "lstart=", "-p", String(pid)], {
      env: { LC_ALL: "C", PATH: "/bin:/usr/bin" },
    })
    return success ? stdout.toString().trim() : undefined
  } catch {
    return undefined
  }
}
