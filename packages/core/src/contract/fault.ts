/** A fault of a plugin: the plugin, the rule, the value or error found, the expected one, and the place. */
import { NotFinite } from "@winnow/numerics"
import { DataError, InvalidInput, TrainingStopped } from "../errors.ts"
import { messageOf } from "./brief.ts"
import { placeOf } from "./place.ts"

/** Where each plugin is defined, by kind and name: the place of a fault that has no other. */
export const definedAt = new Map<string, string>()

/** A plugin does not keep its contract. Wrong input to the lab, as a wrong option is: never a bug in it. */
export class PluginFault extends InvalidInput {
  /**
   * @param plugin kind and name, such as "filter adaspec"
   * @param rule the rule in one or two words, as the laws of `@winnow/testing` call it
   * @param detail what was found and what was expected
   * @param place file and line; of the definition if left out
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

/** An exception as a fault of the plugin that it came out of; errors of the lab stay as they are. */
export const thrownBy = (plugin: string, doing: string, cause: unknown): Error =>
  [InvalidInput, DataError, TrainingStopped, NotFinite].some((ours) => cause instanceof ours)
    ? (cause as Error)
    : new PluginFault(plugin, "throws nothing", `${doing} threw ${messageOf(cause)}`, placeOf(cause))

/** Runs code of a plugin. @error PluginFault (thrown) in the place of any exception, with the place it was thrown at */
export const guarded = <A>(plugin: string, doing: string, run: () => A): A => {
  try {
    return run()
  } catch (cause) {
    throw thrownBy(plugin, doing, cause)
  }
}

/**
 * A defect as an error of the user's own files, if it is one: a fault of a plugin, or an exception with code that is not
 * Winnow's on its stack.
 */
export const faultIn = (defect: unknown): InvalidInput | undefined => {
  if (defect instanceof InvalidInput) return defect
  const place = placeOf(defect)
  return place === undefined ? undefined : new InvalidInput({ what: place, problems: [messageOf(defect)] })
}
