/** The machine of the figures, which say nothing about other machines. */
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os"
import { isBusy } from "@winnow/engine"
import { openEngine } from "@winnow/tensor"

export interface Host {
  readonly cpu: string
  /** Threads that this process may run at once. */
  readonly threads: number
  readonly memoryGiB: number
  readonly system: string
  readonly bun: string
  /** Programs that needed a core during the last minute, before this run added its own. */
  readonly load: number
}

export interface Machine extends Host {
  /** Threads that one op of TensorFlow uses. */
  readonly opThreads: number
  readonly tensorflow: string
  /** "CPU" or "GPU": the place of float tensors. */
  readonly device: string
}

/** Facts that need no open engine. */
export const hostOf = (): Host => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  threads: availableParallelism(),
  memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
  system: `${process.platform} ${process.arch} ${release()}`,
  bun: Bun.version,
  load: Math.round(loadavg()[0]! * 10) / 10,
})

/** Opens the engine and describes its device. @error LibraryNotFound without libtensorflow */
export const openMachine = async (): Promise<Machine> => {
  const host = hostOf()
  const { version, device } = await openEngine()
  return {
    ...host,
    opThreads: Number(process.env["TF_NUM_INTRAOP_THREADS"]) || host.threads,
    tensorflow: version,
    device: device.type,
  }
}

/** The lines above the tables. */
export const describeMachine = (machine: Machine): ReadonlyArray<string> => [
  `cpu         ${machine.cpu}, ${machine.threads} threads (${machine.opThreads} for an op), ${machine.memoryGiB} GiB`,
  `system      ${machine.system}`,
  `Bun         ${machine.bun}`,
  `TensorFlow  ${machine.tensorflow}, on ${machine.device}`,
  ...(isBusy(machine.load, machine.threads)
    ? [
        `busy        load ${machine.load} on ${machine.threads} threads: figures are lower than on a quiet machine, ratios less certain`,
      ]
    : []),
]
