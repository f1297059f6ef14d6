/**
 * Opens the engine in a process of its own and measures it there.
 *
 * In a process of its own, because a library that does not fit the processor ends the process that loads it, and
 * because bfloat16 products can only be chosen before it is loaded.
 */
import { type EngineInfo, openEngine } from "../engine.ts"
import { type Measured, measure } from "./measure.ts"

/** The result of a probe: an engine and its figures, or why there is none. */
export type Probe =
  | ({ readonly works: true; readonly measured: Measured } & Pick<
      EngineInfo,
      "version" | "devices" | "device" | "usesGpu" | "native"
    >)
  | { readonly works: false; readonly why: string }

const MARK = "winnow-probe:"

/** Probes the engine with float32 or bfloat16 products; `directory` is that of the library to load. */
export const probe = async (directory: string, products: "float32" | "bfloat16"): Promise<Probe> => {
  const child = Bun.spawn([process.execPath, import.meta.path, products], {
    env: { ...process.env, WINNOW_LIBTENSORFLOW: directory },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 120_000,
  })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  await child.exited
  return readProbe(stdout, stderr, String(child.signalCode ?? `exit code ${child.exitCode}`))
}

/** Reads what a probe printed; a process that ended without its answer is told with its last words. */
export const readProbe = (stdout: string, stderr: string, ending: string): Probe => {
  const line = stdout.split("\n").find((text) => text.startsWith(MARK))
  if (line !== undefined) return JSON.parse(line.slice(MARK.length))
  const words = stderr.trim().split("\n").slice(-3).join("\n")
  return { works: false, why: `the process that loaded it ended by ${ending}${words === "" ? "" : `:\n${words}`}` }
}

if (import.meta.main) {
  const answer = await openEngine({ products: process.argv[2] === "bfloat16" ? "bfloat16" : "float32" })
    .then(
      ({ version, devices, device, usesGpu, native }): Probe => ({
        works: true,
        version,
        devices,
        device,
        usesGpu,
        native,
        measured: measure(),
      }),
    )
    .catch((cause: unknown): Probe => ({ works: false, why: cause instanceof Error ? cause.message : String(cause) }))
  process.stdout.write(`${MARK}${JSON.stringify(answer)}\n`)
}
