/** The fields that a schema knows, for errors that say what there is. */
import type { Type } from "arktype"

interface ObjectBranch {
  readonly props?: ReadonlyArray<{ readonly key: string | symbol }>
}

/** Names of the fields of an object schema; those of all its branches where it is a union. */
export const keysOf = (schema: unknown): ReadonlyArray<string> => {
  const fields = (schema as Type).in as unknown as {
    distribute: <A, B>(branch: (b: ObjectBranch) => A, all: (each: ReadonlyArray<A>) => B) => B
  }
  return fields.distribute(
    (branch) => (branch.props ?? []).map(({ key }) => String(key)),
    (all) => [...new Set(all.flat())],
  )
}
