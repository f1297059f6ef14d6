/** States of jobs, for people. */
import type { JobState } from "./client.ts"

/** The number of jobs in each state, in words. */
export const statesText = (states: ReadonlyArray<JobState>): string => {
  const count = (of: (state: JobState) => boolean) => states.filter(of).length
  const running = count(({ state }) => state === "RUNNING" || state === "COMPLETING" || state === "CONFIGURING")
  const isLater = ({ state, reason }: JobState) => state === "PENDING" && reason === "Dependency"
  const pending = states.filter((of) => of.state === "PENDING" && !isLater(of))
  const reasons = [...new Set(pending.map(({ reason }) => reason).filter((reason) => reason !== "None"))].join(", ")
  const parts = [
    `${running} running`,
    ...(pending.length > 0 ? [`${pending.length} waiting${reasons === "" ? "" : ` (${reasons})`}`] : []),
    ...(count(isLater) > 0 ? [`${count(isLater)} after others`] : []),
  ]
  return parts.join(", ")
}
