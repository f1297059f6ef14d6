/**
 * The owner of a lock, a working folder or a run: a process that can be recognised even after its number was reused.
 */
import { existsSync, readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"
import { type } from "arktype"

/** A process of any host. */
export interface ProcessIdentity {
  readonly host: string
  readonly pid: number
  /** Start of the process, in its system's notation; with `pid` it identifies a process for ever. */
  readonly started: string
  /**
   * The machine and the process table that `pid` is of: machines and containers may share a host name. Missing where the
   * system has none, and in files of earlier versions.
   */
  readonly table?: string
}

/** An attempt of a job of a cluster. Of one job one attempt runs at a time, on any host. */
export interface JobAttempt {
  readonly id: string
  /** 0 for the first one. */
  readonly attempt: number
}

/** One claim of a process. */
export interface Owner extends ProcessIdentity {
  /** Distinguishes two claims of one process. */
  readonly token: string
  /** The job that the process belongs to. */
  readonly job?: JobAttempt
}

const Record = type({
  host: "string",
  pid: "number.integer > 0",
  started: "string",
  "table?": "string",
  token: "string",
  "job?": { id: "string", attempt: "number.integer >= 0" },
})

/** The identity of this process. */
export const thisProcess = (): ProcessIdentity => {
  const table = tableHere()
  const started = startOf(process.pid) ?? "unknown"
  return { host: hostname(), pid: process.pid, started, ...(table !== undefined && { table }) }
}

/** The job of this process: WINNOW_JOB, and WINNOW_JOB_ATTEMPT for how often it was queued again. */
const thisJob = (): JobAttempt | undefined => {
  const { WINNOW_JOB: id, WINNOW_JOB_ATTEMPT: attempt = "0" } = process.env
  return id ? { id, attempt: /^\d{1,9}$/.test(attempt) ? Number(attempt) : 0 } : undefined
}

/** A new claim of this process. */
export const thisOwner = (): Owner => {
  const job = thisJob()
  return { ...thisProcess(), token: crypto.randomUUID(), ...(job && { job }) }
}

/** True if `holder` is an earlier attempt of `owner`'s job: it is over, since one attempt of a job runs at a time. */
export const isEarlierAttempt = ({ job: before }: Owner, { job: now }: Owner): boolean =>
  before !== undefined && now !== undefined && before.id === now.id && before.attempt < now.attempt

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
export const isAlive = ({ host, pid, started: claimed, table }: ProcessIdentity): boolean | undefined => {
  if (host !== hostname() || (table !== undefined && table !== tableHere())) return undefined
  try {
    process.kill(pid, 0)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ESRCH") return false
  }
  const started = startOf(pid)
  return started === undefined || claimed === "unknown" || started === claimed
}

/** Linux: the machine's id and the namespace of process numbers; undefined elsewhere. Neither changes at a boot. */
const tableHere = (): string | undefined => {
  try {
    const machine = existsSync("/etc/machine-id") ? readFileSync("/etc/machine-id", "utf8").trim() : ""
    return `${machine} ${readlinkSync("/proc/self/ns/pid")}`
  } catch {
    return undefined
  }
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
