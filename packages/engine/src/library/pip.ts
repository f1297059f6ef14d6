/**
 * Downloads a wheel with pip, in the user's configuration: its index, mirrors, proxies, certificates and credentials.
 */
import { mkdir, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { AttemptFailed } from "./error.ts"
import type { Meter } from "./progress.ts"
import { pythonsOn } from "./python.ts"
import type { Way } from "./way.ts"
import type { Wheel } from "./wheels.ts"

type Environment = Readonly<Record<string, string | undefined>>

/** Interval of checks of pip's growing files; pip itself reports nothing unless it writes to a terminal. */
const POLL_MS = 250

/** The way by pip; `env` is pip's environment. */
export const pipWay = (env: Environment = process.env): Way => ({
  name: "pip",
  get: async (wheel, folder, meter) => {
    const pips = [
      ...pythonsOn(env).map((python) => [python, "-m", "pip"]),
      ...["pip3", "pip"].flatMap((name) => {
        const path = Bun.which(name, { PATH: env["PATH"] ?? "" })
        return path === null ? [] : [[path]]
      }),
    ]
    for (const pip of pips) {
      const problem = await download(pip, wheel, folder, meter, env)
      if (problem === undefined) return { path: join(folder, await onlyWheel(folder)), stated: undefined }
      if (/\[Errno 28\]/.test(problem)) throw Object.assign(new Error(problem), { code: "ENOSPC" })
      if (!/No module named '?pip/.test(problem)) throw new AttemptFailed(`${pip.join(" ")}: ${problem}`, remedy(wheel))
    }
    throw new AttemptFailed("no Python with pip on PATH")
  },
})

const remedy = (wheel: Wheel) =>
  `Make this work, for example by pip's settings for your mirror: python3 -m pip ${request(wheel).join(" ")}`

/** Requests the wheel for our machine and tag, independent of the Python that runs pip. */
const request = (wheel: Wheel): ReadonlyArray<string> => [
  "download",
  "--no-deps",
  "--only-binary=:all:",
  "--implementation=cp",
  `--python-version=${wheel.python}`,
  `--platform=${wheel.tag}`,
  `${wheel.project}==${wheel.version}`,
]

const download = async (
  pip: ReadonlyArray<string>,
  wheel: Wheel,
  folder: string,
  meter: Meter,
  env: Environment,
): Promise<string | undefined> => {
  const temporary = join(folder, "tmp")
  await mkdir(temporary, { recursive: true })
  // Its temporary files go beside ours: to the disk whose space was checked, so that they are removed with ours after a
  // kill.
  const child = Bun.spawn([...pip, ...request(wheel), "--no-input", "--progress-bar=off", `--dest=${folder}`], {
    cwd: folder,
    env: { ...env, TMPDIR: temporary, PIP_DISABLE_PIP_VERSION_CHECK: "1", PYTHONUNBUFFERED: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  })
  const stopPip = () => child.kill()
  process.once("exit", stopPip)
  meter.start(`Getting ${wheel.project} ${wheel.version} with pip`, wheel.bytes)
  const watch = setInterval(() => void bytesIn(folder).then(meter.at), POLL_MS)
  try {
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    if ((await child.exited) !== 0) return lastLines(`${stdout}\n${stderr}`)
    meter.at(await bytesIn(folder))
    meter.end()
    return undefined
  } finally {
    clearInterval(watch)
    process.removeListener("exit", stopPip)
  }
}

/** pip's own errors if it names any, else its last lines; credentials in addresses are removed. */
const lastLines = (output: string): string => {
  const lines = output.split("\n").filter((line) => line.trim() !== "")
  const errors = lines.filter((line) => line.startsWith("ERROR:"))
  const reported = errors.length > 0 ? [...networkTrouble(lines), ...errors] : lines.slice(-3)
  return reported.join("\n").replaceAll(/:\/\/[^/@\s]+@/g, "://***@")
}

/** pip also reports "No matching distribution" if it never reached the index; the first warning names the cause. */
const networkTrouble = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.filter((line) => line.includes("after connection broken by")).slice(0, 1)

const onlyWheel = async (folder: string): Promise<string> => {
  const wheels = (await readdir(folder)).filter((name) => name.endsWith(".whl"))
  if (wheels.length !== 1) throw new AttemptFailed(`pip reported success, and left ${wheels.length} wheels`)
  return wheels[0]!
}

/** pip downloads into its temporary folder and then copies, so the largest file counts, not the sum. */
const bytesIn = async (folder: string): Promise<number> => {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (stats) => (stats.isFile() ? stats.size : 0),
        () => 0,
      ),
    ),
  )
  return Math.max(0, ...sizes)
}
