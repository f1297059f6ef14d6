/** Reports a broken law by an error that any test runner shows, without a dependency on one. */

/** A plugin breaks a law: the plugin, the law, the input, the found value and the expected one. */
export class LawBroken extends Error {
  override readonly name = "LawBroken"
  constructor(
    readonly plugin: string,
    readonly law: string,
    detail: string,
  ) {
    super(`${plugin} breaks the law "${law}": ${detail}`)
  }
}

/** Asserts laws of one plugin: `law("length", ok, () => "found ..., expected ...")`. */
export type Law = (law: string, holds: boolean, detail: () => string) => void

/** @error LawBroken if `holds` is false */
export const lawsOf =
  (plugin: string): Law =>
  (law, holds, detail) => {
    if (!holds) throw new LawBroken(plugin, law, detail())
  }
