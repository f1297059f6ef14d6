/**
 * One of several processes that request the library at once, for the tests:
 * `bun contender.fixture.ts CACHE WHEEL STOP`.
 *
 * STOP names the moment at which it freezes until it is killed ("space", "fetch" or "unpack"), or is "never". It prints
 * "frozen" there, else the library's source; every fetch adds a line to CACHE/../fetches.
 */
import { appendFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { wheelOf } from "./fixtures.ts"
import { locateLibrary } from "./locate.ts"

const [cache, wheel, stop] = process.argv.slice(2) as [string, string, "space" | "fetch" | "unpack" | "never"]
const bytes = await Bun.file(wheel).bytes()

const freezeAt = (moment: typeof stop) => {
  if (moment !== stop) return
  process.stdout.write("frozen\n")
  Bun.sleepSync(60_000)
}

const library = await locateLibrary({
  env: {},
  gpu: false,
  platform: "linux-x86-64",
  cache,
  wheelFor: () => wheelOf(bytes),
  freeBytes: async () => {
    freezeAt("space")
    return 1e12
  },
  ways: [
    {
      name: "pip",
      get: async ({ fileName }, folder) => {
        appendFileSync(join(dirname(cache), "fetches"), `${process.pid}\n`)
        await Bun.write(join(folder, fileName), bytes.subarray(0, bytes.length / 2))
        freezeAt("fetch")
        await Bun.sleep(200) // Long enough for the other processes to meet the lock.
        await Bun.write(join(folder, fileName), bytes)
        return { path: join(folder, fileName), stated: undefined }
      },
    },
  ],
  meter: { start: () => {}, at: () => freezeAt("unpack"), end: () => {}, say: (line) => console.error(line) },
})
console.log(library.source)
