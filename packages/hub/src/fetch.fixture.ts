/** A separate process that downloads `hf:small/model` by its environment, and prints the folder. */
import { Effect } from "effect"
import { fetchReference } from "./fetch-reference.ts"

const { folder } = await Effect.runPromise(fetchReference("hf:small/model"))
console.log(folder)
