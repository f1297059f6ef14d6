/** A task gives examples of prompt and answer, and possibly a judgement of generated answers. */
import type { Type } from "arktype"
import { Context, Effect } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition } from "./contract/definition.ts"
import { PluginFault } from "./contract/fault.ts"
import { checkedTask } from "./contract/task-contract.ts"
import type { DatasetFile } from "./dataset-file.ts"
import type { DataError, InvalidInput } from "./errors.ts"
import type { TaskInstance } from "./example.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"

/** A data set in a folder, or in a repository of a hub at one commit. */
export interface DataRepository {
  /** Its name in messages. */
  readonly name: string
  /** Paths in it, with "/" between folders. */
  readonly files: ReadonlyArray<string>
  /** The absolute path of a file on this machine, downloaded if necessary. */
  readonly locate: (file: string) => Effect.Effect<string, DataError>
}

/** The source of data sets; a task that needs a file asks this service, not the file system. */
export class Datasets extends Context.Service<
  Datasets,
  {
    /**
     * A path on this machine with exactly this file: from WINNOW_DATA, else from the cache, else downloaded or made
     * from a download. Its SHA-256 is checked in each case. A gzipped file beside its place, under its name and ".gz",
     * is unpacked into the cache.
     * @error DataError that lists the three places with the fault of each
     */
    readonly locate: (file: DatasetFile) => Effect.Effect<string, DataError>
    /** The lines of a .jsonl file, parsed. */
    readonly lines: (file: DatasetFile) => Effect.Effect<ReadonlyArray<unknown>, DataError>
    /**
     * The absolute path of a file or folder of the user's own: a relative one lies beside the experiment, or in the
     * current folder.
     * @error DataError that names the places where it is not
     */
    readonly own: (path: string) => Effect.Effect<string, DataError>
    /**
     * The data set of a folder of the user's own, or of `hf:datasets/owner/name`.
     * @error DataError for a folder that does not exist, and for a hub that cannot be reached or refuses
     */
    readonly repository: (from: string) => Effect.Effect<DataRepository, DataError>
  }
>()("@winnow/core/Datasets") {}

export type TaskUse<R = Datasets> = UseWith<"task", TaskInstance, R, DataError, object>

/** Defines a task; `make` may read files through `Datasets`, and may build on a task among its options. */
export const defineTask = <const O extends Type, R = never>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly options: O
  readonly make: (options: O["infer"]) => Effect.Effect<Omit<TaskInstance, "name">, InvalidInput | DataError, R>
}): Plugin<O, TaskUse<R>> => {
  const place = checkDefinition("task", spec)
  const plugin = `task ${spec.name}`
  return definePlugin({
    kind: "task",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: () => ({}),
    make: (options) => {
      const answer = spec.make(options)
      if (Effect.isEffect(answer))
        return Effect.map(answer, (task) => ({ name: spec.name, ...checkedTask(plugin, place, task) }))
      const detail = `make returned ${kindOf(answer)}; expected an Effect: Effect.succeed({ examples, score }), or Effect.gen for a task that reads files`
      throw new PluginFault(plugin, "definition", detail, place)
    },
  })
}
