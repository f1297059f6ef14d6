/** A process of the run store's tests: enters runs as fast as it can. Arguments: home, results, how many; "hang" never ends. */
import { join } from "node:path"
import { Effect } from "effect"
import { makeRunStore } from "../src/runs/run-store.ts"

const [home, results, count] = process.argv.slice(2) as [string, string, string]
const { begin, finish, list } = makeRunStore(home, [results])
const aBeginning = (run: string) => ({
  directory: join(results, "000-tiny", run),
  run,
  experiment: "000-tiny",
  part: null,
  limit: null,
  seeds: [1],
  arms: ["all"],
  commit: null,
  command: [],
})
if (count === "hang") {
  await Effect.runPromise(begin(aBeginning("hanging")))
  console.log("begun")
  await Bun.sleep(60_000)
}
for (let i = 0; i < Number(count); i++) {
  const attempt = await Effect.runPromise(begin(aBeginning(`${process.pid}-${i}`)))
  await Effect.runPromise(list())
  await Effect.runPromise(finish(attempt, { state: "failed", message: `${i}` }))
}
