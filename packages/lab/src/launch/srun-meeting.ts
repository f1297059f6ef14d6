/** The group of a stage that srun started as several tasks. */
import { hostname } from "node:os"
import { join } from "node:path"
import type { Meeting } from "@winnow/tensor"

/**
 * The meeting of the tasks of a step of Slurm, in the folder of the launch; undefined for one task, or without Slurm.
 *
 * The tasks reach each other by the names of their nodes, or by `WINNOW_HOST` where it is set.
 */
export const srunMeeting = (
  folder: string,
  key: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Meeting | undefined => {
  const { SLURM_STEP_ID: step, SLURM_JOB_ID: job, SLURM_PROCID: rank, SLURM_STEP_NUM_TASKS: size } = env
  // The script of a job has its own number of tasks; only a step that srun starts has several processes.
  if (step === undefined || rank === undefined || !(Number(size) > 1)) return undefined
  const attempt = `${job}.${step}.${env["SLURM_RESTART_COUNT"] ?? 0}`
  return {
    folder: join(folder, "meetings", `${key.slice(0, 20)}-${attempt}`),
    rank: Number(rank),
    size: Number(size),
    host: env["WINNOW_HOST"] || env["SLURMD_NODENAME"] || hostname(),
  }
}
