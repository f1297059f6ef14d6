/** Numbers of the page. */

/** A number to 3 digits, without an exponent where it is short. */
export const short = (value: number): string => {
  if (value === 0) return "0"
  const size = Math.abs(value)
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1)
  return size >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/** A count: whole, or with one digit. */
export const count = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1))
