/** Highest resident memory of this process. */
import { readFileSync } from "node:fs"

/** MB (2^20 bytes), libraries and start-up included. */
export const peakMegabytes = (): number => {
  if (process.platform === "linux")
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]) / 1024
  return process.resourceUsage().maxRSS / 1024 ** 2
}
