/** Versions of weights, by which a stale copy of them is detected. */

let version = 0

/** Call it after writing into the memory of a variable, or moving it, without assigning the variable. */
export const weightsWritten = (): void => {
  version++
}

/** A number that changes with every `weightsWritten`. */
export const weightsVersion = (): number => version
