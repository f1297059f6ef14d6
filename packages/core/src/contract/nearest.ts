/** The name that was probably meant. */

/** Edits (a letter added, removed or changed) from one text to another. */
const edits = (a: string, b: string): number => {
  let before = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++)
      row.push(Math.min(before[j]! + 1, row[j - 1]! + 1, before[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    before = row
  }
  return before[b.length]!
}

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]|_N$/gi, "")

/** The name that differs least, without case and underscores; undefined if none is similar. */
export const nearest = (name: string, names: Iterable<string>): string | undefined => {
  const wanted = plain(name.slice(0, 100))
  const ranked = [...names]
    .map((candidate) => ({ candidate, distance: edits(wanted, plain(candidate)) }))
    .toSorted((a, b) => a.distance - b.distance)
  const [best] = ranked
  // For a single letter every other letter is one edit away.
  const near = best && best.distance < wanted.length && best.distance <= Math.max(2, wanted.length / 3)
  return near ? best.candidate : undefined
}

/** "; did you mean x? it has x, y", or "; it has x, y" where no name is near. @param has the words before the names */
export const ofThese = (name: unknown, names: Iterable<string>, has: "it has" | "there are"): string => {
  const all = [...names]
  const meant = typeof name === "string" ? nearest(name, all) : undefined
  return `; ${meant === undefined ? "" : `did you mean ${meant}? `}${has} ${all.join(", ") || "none"}`
}

/** "; did you mean x?", or nothing. */
export const didYouMean = (name: string, names: Iterable<string>): string => {
  const meant = nearest(name, names)
  return meant === undefined ? "" : `; did you mean ${meant}?`
}
