/** Times in forms for people; browsers' code uses them too. */

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
