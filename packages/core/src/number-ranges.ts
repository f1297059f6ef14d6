/** Numbers of a command's flags, and the ranges that they must be in. */
import { InvalidInput } from "./errors.ts"

/** A flag's name, its value, and the least and the most that it may be. */
export type InRange = readonly [flag: string, value: number, least: number, most: number]

/** The refusal of the first number out of its range, NaN included; undefined if there is none. */
export const outOfRange = (flags: ReadonlyArray<InRange>): InvalidInput | undefined => {
  const odd = flags.find(([, value, least, most]) => !(value >= least && value <= most))
  if (odd === undefined) return undefined
  const [flag, value, least, most] = odd
  return new InvalidInput({ what: `${flag} ${value}`, problems: [`expected a number from ${least} to ${most}`] })
}
