/**
 * A search for the last tokens of a text earlier in the same text.
 *
 * Letters: L tokens of the text, n length of the matched end.
 */

/**
 * The place after the most recent earlier occurrence of the text's last n tokens, for the longest n that occurs.
 *
 * An occurrence may overlap the end itself: "a a a" ends with "a a", which also begins at its first token.
 *
 * @param longest n to begin with, 1 or more
 * @param shortest the last n to try, 1 to `longest`
 * @returns index of the token after the occurrence, 1 to L - 1; undefined if no end of `shortest` tokens occurs before
 */
export const placeAfterMatch = (text: ReadonlyArray<number>, longest: number, shortest: number): number | undefined => {
  const L = text.length
  if (L < 2) return undefined
  const last = text[L - 1]!
  let [found, most] = [undefined as number | undefined, shortest - 1]
  // From the newest place back: among equally long matches the first one is the most recent.
  for (let at = L - 1; at > 0 && most < longest; at--) {
    if (text[at - 1] !== last) continue
    let n = 1
    while (n < longest && n < at && text[at - 1 - n] === text[L - 1 - n]) n++
    if (n > most) [found, most] = [at, n]
  }
  return found
}
