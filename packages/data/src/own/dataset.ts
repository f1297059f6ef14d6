/** A task from a data set's repository: a folder, or `hf:datasets/owner/name`. */
import { type } from "arktype"
import { fromRepository, namesRepository, repositoryOptions, rowsByEnding } from "./from-repository.ts"
import { leavesTraining } from "./own-splits.ts"
import { defineTableTask, tableOptions } from "./table-task.ts"

/**
 * Examples from a data set: `dataset({ from: "hf:datasets/owner/name", prompt: "question", answer: "solution" })`. The
 * names of its files give the splits, or the `configs` of its README.md.
 */
export const dataset = defineTableTask({
  name: "dataset",
  options: type({
    "...": tableOptions,
    "+": "reject",
    from: repositoryOptions.get("from"),
    "subset?": "string >= 1",
    train: type("string >= 1").or(type("string >= 1").array().atLeastLength(1)).default("train"),
  })
    .narrow(leavesTraining)
    .narrow(namesRepository),
  files: fromRepository,
  rows: (bytes, { name, columns }) => rowsByEnding(bytes, name, columns),
})
