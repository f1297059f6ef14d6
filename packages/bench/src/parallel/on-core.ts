/** Processes on one core each. */

/** The words before a command that bind it to a core; none where the system has no taskset. */
export const onCore = (core: number): ReadonlyArray<string> =>
  Bun.which("taskset") === null ? [] : ["taskset", "-c", String(core)]
