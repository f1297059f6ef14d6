/**
 * One of several processes that train a stage, for tests: `bun member.fixture.ts FOLDER RANK SIZE CASE`.
 *
 * - `begin`: trains whole; then to step 3 with checkpoints in FOLDER/begun; then in FOLDER/lost, where the last process dies
 * - `resume`: goes on in FOLDER/resumed
 */
import { join } from "node:path"
import { engineMemory, joinGroup } from "@winnow/tensor"
import { trained } from "./stage.fixture.ts"

const [folder, rank, size, name] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4]), process.argv[5]]
const group = await joinGroup(
  { folder: join(folder, `meeting-${name}`), rank, size, host: "127.0.0.1" },
  { threads: 1 },
)
const say = (answer: unknown) => process.stdout.write(`${JSON.stringify(answer)}\n`)

/** Only rank 0 names a folder that holds checkpoints: the others are told. */
const own = (of: string) => join(folder, rank === 0 ? of : `${of}-of-rank-${rank}`)

if (name === "resume") say(await trained({ group, directory: own("resumed") }))
else {
  const whole = await trained({ group })
  const before = engineMemory()
  const begun = await trained({ group, directory: own("begun"), until: 3 })
  const after = engineMemory()
  say({ whole, begun, left: { tensors: after.tensors - before.tensors, handles: after.handles - before.handles } })
  const onEvent = (event: { readonly _tag: string; readonly step?: number }) => {
    if (rank === size - 1 && event._tag === "step" && event.step === 4) process.kill(process.pid, "SIGKILL")
  }
  const began = performance.now()
  const lost = await trained({ group, directory: own("lost"), onEvent }).then(
    () => "not noticed",
    (error) => ({ tag: error._tag, text: String(error.message) }),
  )
  say({ lost, seconds: (performance.now() - began) / 1000 })
}
process.exit(0)
