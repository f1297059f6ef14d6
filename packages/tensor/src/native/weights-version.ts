/** Whether weights may have been written in place since something was made of them. */

let version = 0

/** To be called by whatever writes into the memory of a variable, or moves it, without assigning the variable anew. */
export const weightsWritten = (): void => {
  version++
}

/** A number that changes with every `weightsWritten`. */
export const weightsVersion = (): number => version
