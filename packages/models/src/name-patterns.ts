/** Patterns of parameter names in settings. */

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&")

/** A test of names by a pattern in which * stands for any text, dots included. */
export const matcher = (pattern: string): ((name: string) => boolean) => {
  const expression = new RegExp(`^${pattern.split("*").map(escaped).join(".*")}$`)
  return (name) => expression.test(name)
}

/** Names for an error: numbers of layers as *, each name once, at most twelve. */
export const namesShown = (names: ReadonlyArray<string>): string => {
  const kinds = [...new Set(names.map((name) => name.replace(/\.\d+\./g, ".*.")))]
  return `${kinds.slice(0, 12).join(", ")}${kinds.length > 12 ? `, and ${kinds.length - 12} more` : ""}`
}
