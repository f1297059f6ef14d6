/**
 * Reports limits on this process's memory that are too low for the coming work, as a sentence before it. Bun and
 * TensorFlow end with a stack or a crash if an allocation fails, and the kernel kills a process at a control group's
 * limit. It imports next to nothing, so that it can run first.
 */
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { leftOfGroups } from "./available-memory.ts"

/** The bytes that a part of the program needs at least. */
export interface Need {
  readonly of: string
  /** Addresses; Bun and TensorFlow reserve more than they use. */
  readonly addresses: number
  /** Memory beyond that of the process at that moment. */
  readonly memory: number
}

/** The code of all commands. Measured: 2.4 GB of addresses, 0.2 GB of memory. */
export const commandsNeed: Need = { of: "winnow", addresses: 2.45e9, memory: 0.2e9 }

/**
 * TensorFlow, and a training of the quickstart. Measured with one to 32 threads: 4.3 to 5.7 GB of addresses, 0.2 GB of
 * memory to open it.
 */
export const engineNeed = (
  threads = Number(process.env["TF_NUM_INTRAOP_THREADS"]) || availableParallelism(),
): Need => ({
  of: "TensorFlow",
  addresses: 4.9e9 + 0.03e9 * threads,
  memory: 0.2e9,
})

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`

/** Bytes of addresses that this process may have (`ulimit -v`); infinite without a limit, and without /proc. */
export const addressLimit = (root = "/"): number => {
  try {
    const soft = /^Max address space\s+(\d+)/m.exec(readFileSync(join(root, "proc/self/limits"), "utf8"))?.[1]
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/**
 * A sentence on a limit that is lower than a need; undefined if there is none.
 *
 * @param root the folder of /proc and /sys; another folder in tests
 */
export const limitProblem = ({ of, addresses, memory }: Need, root = "/"): string | undefined => {
  const limit = addressLimit(root)
  if (limit < addresses)
    return `${of} needs ${gigabytes(addresses)} of addresses, and the limit on this process is ${gigabytes(limit)}; raise it (\`ulimit -v unlimited\`)`
  const left = leftOfGroups(root)
  if (left < memory)
    return `${of} needs ${gigabytes(memory)} of memory, and ${gigabytes(left)} are left of the control group's limit; raise the container's limit, or end other programs in it`
  return undefined
}
