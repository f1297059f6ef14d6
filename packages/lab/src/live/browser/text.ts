/** Numbers and texts of the page. */

/** Text as HTML. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!)

/** 75 as "1:15", 3675 as "1:01:15". */
export const clock = (seconds: number): string => {
  const s = Math.round(seconds)
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60]
  const two = (n: number) => String(n).padStart(2, "0")
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`
}

/** Seconds in a readable form: "0.8 s", "42 s", "3:20". */
export const duration = (seconds: number): string =>
  seconds < 10 ? `${seconds.toFixed(1)} s` : seconds < 100 ? `${seconds.toFixed(0)} s` : clock(seconds)

/** A number to 3 digits, without an exponent where it is short. */
export const short = (value: number): string => {
  if (value === 0) return "0"
  const size = Math.abs(value)
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1)
  return size >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/** A count: whole, or with one digit. */
export const count = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(1))
