import { expect, test } from "bun:test"
import { createMeter, formatBytes } from "./progress.ts"

const recorded = (isTTY: boolean, columns = 80) => {
  const written: Array<string> = []
  const clock = { now: 0 }
  const meter = createMeter({ isTTY, columns, write: (text) => void written.push(text) }, () => clock.now)
  return { written, clock, meter }
}

test("bytes are formatted in powers of 1000", () => {
  expect([0, 999, 12_345, 273_829_956, 1_150_000_000].map(formatBytes)).toEqual([
    "0 bytes",
    "999 bytes",
    "12 kB",
    "274 MB",
    "1.1 GB",
  ])
})

test("a terminal gets one line redrawn, with bar, bytes, rate and time left, within its width", () => {
  const { written, clock, meter } = recorded(true)
  meter.start("Downloading", 200e6)
  meter.at(1e6)
  clock.now = 1000
  meter.at(51e6)
  expect(written.at(-1)).toStartWith("\r\x1b[KDownloading  █")
  expect(written.at(-1)).toContain("25%  51 MB of 200 MB  50 MB/s  0:03 left")
  for (const text of written) expect(text.replace("\r\x1b[K", "").length).toBeLessThan(80)
  clock.now = 1050
  meter.at(52e6)
  expect(written).toHaveLength(2) // Less than a tenth of a second later: it is not redrawn.
  meter.end()
  expect(written.at(-1)).toBe("\r\x1b[KDownloading: 52 MB in 1.1 s\n")
})

test("a narrow terminal loses the bar, not the figures' beginning", () => {
  const { written, meter } = recorded(true, 30)
  meter.start("Downloading", 200e6)
  expect(written[0]).not.toContain("░")
  expect(written[0]!.replace("\r\x1b[K", "").length).toBeLessThan(30)
})

test("elsewhere there are whole lines without control characters, one in five seconds", () => {
  const { written, clock, meter } = recorded(false)
  meter.start("Unpacking", 100e6)
  for (let second = 1; second <= 12; second++) {
    clock.now = second * 1000
    meter.at(second * 5e6)
  }
  meter.end()
  meter.at(61e6) // A late report: the job has ended.
  expect(written).toEqual([
    "Unpacking (100 MB)\n",
    "Unpacking  25%  25 MB of 100 MB  5 MB/s  0:15 left\n",
    "Unpacking  50%  50 MB of 100 MB  5 MB/s  0:10 left\n",
    "Unpacking: 60 MB in 12.0 s\n",
  ])
})
