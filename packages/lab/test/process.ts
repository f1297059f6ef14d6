/** A process of the store's tests: obtains one artifact, slowly. Arguments: the store's folder, milliseconds. */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { keyOf } from "../src/store/key.ts"
import { makeStore } from "../src/store/store.ts"

const [folder, milliseconds] = process.argv.slice(2)
const artifact = await Effect.runPromise(
  makeStore(folder!).obtain({
    stage: "fake",
    key: keyOf({ text: "shared" }),
    made: { text: "shared" },
    versions: {},
    run: (directory) =>
      Effect.gen(function* () {
        appendFileSync(join(folder!, "runs"), `${process.pid}\n`)
        yield* Effect.sleep(Number(milliseconds))
        writeFileSync(join(directory, "text"), String(process.pid))
        return {}
      }),
  }),
)
console.log(JSON.stringify({ reused: artifact.reused, text: readFileSync(join(artifact.directory, "text"), "utf8") }))
