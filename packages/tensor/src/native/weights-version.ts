/** Versions of weights, by which a copy made of them is known to be stale. */

let version = 0

/** To be called by whatever writes into the memory of a variable, or moves it, without assigning the variable anew. */
export const weightsWritten = (): void => {
  version++
}

/** A number that changes with every `weightsWritten`. */
export const weightsVersion = (): number => version
