/**
 * Opens the engine in a separate process and measures it there: the probe of `examine` in `@winnow/engine`.
 *
 * The process is separate, because a library that does not fit the processor ends the process that loads it, and
 * because bfloat16 products can only be chosen before it is loaded.
 */
import { createRequire } from "node:module"
import { type Probe, packageVersion, probeAnswer, readProbe } from "@winnow/engine"
import { openEngine } from "../engine.ts"
import { measure } from "./measure.ts"

const { resolve } = createRequire(import.meta.url)

/** Versions of the packages of TFJS, by name. */
export const tensorVersions = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    ["@tensorflow/tfjs", "@tensorflow/tfjs-node-gpu"].map((name) => [name, packageVersion(name, resolve)]),
  )

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
  process.stdout.write(probeAnswer(answer))
}
