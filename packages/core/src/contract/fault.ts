/** A fault of a plugin: the plugin, the rule, the value or error found, the expected one, and the place. */
import { NotFinite } from "@winnow/numerics"
import { DataError, InvalidInput, TrainingStopped } from "../errors.ts"
import { messageOf } from "./brief.ts"
import { placeOf } from "./place.ts"

/** The place of each plugin's definition, by kind and name: the place of a fault without another one. */
export const definedAt = new Map<string, string>()

/** A plugin broke its contract. This is wrong input to the lab, like a wrong option, and never a bug in the lab. */
export class PluginFault extends InvalidInput {
  /**
   * @param plugin kind and name, such as "filter adaspec"
   * @param rule the rule in one or two words, as the laws of `@winnow/testing` call it
   * @param detail the found and the expected value
   * @param place file and line; those of the definition if left out
   */
  constructor(
    readonly plugin: string,
    readonly rule: string,
    readonly detail: string,
    place: string | undefined = definedAt.get(plugin),
  ) {
    super({ what: plugin, problems: [place === undefined ? detail : `${detail} (${place})`] })
  }
}

/** An exception as a fault of the plugin that threw it; errors of the lab stay unchanged. */
export const thrownBy = (plugin: string, doing: string, cause: unknown): Error =>
  [InvalidInput, DataError, TrainingStopped, NotFinite].some((ours) => cause instanceof ours)
    ? (cause as Error)
    : new PluginFault(plugin, "throws nothing", `${doing} threw ${messageOf(cause)}`, placeOf(cause))

/** Runs code of a plugin. @error PluginFault (thrown) in place of any exception, with the place of the throw */
export const guarded = <A>(plugin: string, doing: string, run: () => A): A => {
  try {
    return run()
  } catch (cause) {
    throw thrownBy(plugin, doing, cause)
  }
}

/**
 * A defect as an error of the user's own files, if it is one: a fault of a plugin, or an exception with foreign code on
 * its stack.
 */
export const faultIn = (defect: unknown): InvalidInput | undefined => {
  if (defect instanceof InvalidInput) return defect
  const place = placeOf(defect)
  return place === undefined ? undefined : new InvalidInput({ what: place, problems: [messageOf(defect)] })
}
