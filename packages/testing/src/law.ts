/** How a broken law is reported: by an error that any test runner shows, with no dependency on one. */

/** A plugin does not keep a law: which plugin, which law, on what input, what was found and what was expected. */
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

/** @error LawBroken when `holds` is false */
export const lawsOf =
  (plugin: string): Law =>
  (law, holds, detail) => {
    if (!holds) throw new LawBroken(plugin, law, detail())
  }
