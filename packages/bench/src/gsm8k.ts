/** Problems of GSM8K from a folder of data sets; a bench downloads nothing. */
import { Datasets, type Example } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { cacheFolder } from "@winnow/files"
import { gsm8k } from "@winnow/task-gsm8k"
import { Effect } from "effect"

/** The first training problems of the folder's GSM8K. */
export const gsm8kExamples = async (folder: string, maxTrain: number): Promise<ReadonlyArray<Example>> => {
  const fetch = () => Promise.reject(new Error("a bench downloads nothing"))
  const use = gsm8k({ maxTrain }).instance
  const task = Effect.provideService(use, Datasets, makeDatasets({ folder, cache: cacheFolder("datasets"), fetch }))
  return (await Effect.runPromise(task)).examples("train")
}
