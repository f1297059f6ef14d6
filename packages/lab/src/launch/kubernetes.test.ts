/**
 * The launcher of docs/kubernetes.md, as the page has it, against an API server on the loopback that keeps jobs and runs
 * their stages one by one. With the official client in WINNOW_KUBERNETES, a folder of node_modules, through that as well.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Layer } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import { runLayers } from "../../test/run-layers.ts"
import { storeContents } from "../../test/store-contents.ts"
import { tiny } from "../../test/tiny.ts"
import { resolve } from "../experiment/resolve.ts"
import { houseRoot } from "../store/code/house.ts"
import { runLaunched } from "./job.ts"
import { readLaunch } from "./launch-folder.ts"
import { local } from "./launcher.ts"

const page = readFileSync(join(houseRoot, "docs/kubernetes.md"), "utf8")
const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text]) => text!)
mkdirSync(join(houseRoot, ".winnow"), { recursive: true })
const folder = mkdtempSync(join(houseRoot, ".winnow", "kubernetes-"))
writeFileSync(join(folder, "kubernetes.ts"), blocks.find((text) => text.startsWith("// file: kubernetes.ts"))!)
writeFileSync(join(folder, "cluster-jobs.ts"), blocks.find((text) => text.includes("@kubernetes/client-node"))!)
const official = process.env["WINNOW_KUBERNETES"]
if (official !== undefined) symlinkSync(official, join(folder, "node_modules"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A job as it is created, as far as the server reads it. */
interface Body {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly backoffLimit: number
    readonly template: {
      readonly spec: { readonly containers: readonly [{ readonly command: ReadonlyArray<string> }] }
    }
  }
}

/** A job as the API knows it. */
interface Job {
  readonly body: Body
  status: {
    succeeded?: number
    failed?: number
    active?: number
    conditions?: ReadonlyArray<{ readonly type: string; readonly status: string; readonly reason: string }>
  }
}
interface Jobs {
  readonly create: (job: Body) => Promise<void>
  readonly status: (name: string) => Promise<Job["status"]>
}
type Kubernetes = (jobs: Jobs, image: string, options?: { readonly poll?: number }) => Layer.Layer<never>

/** Pods of a kind of stage that die, one after another. */
let deaths = { kind: "", left: 0 }
/** A kind of stage whose jobs come to their time limit. */
let late = ""
const failed = (times: number, reason: string): Job["status"] => ({
  failed: times,
  conditions: [
    { type: "FailureTarget", status: "True", reason },
    { type: "Failed", status: "True", reason },
  ],
})
const jobs = new Map<string, Job>()
let queue = Promise.resolve()

/** Runs the command of a job's container, again where its pod dies. */
const work = async (job: Job, command: ReadonlyArray<string>) => {
  const [, , , stage, key, flag, launch] = command
  expect([stage, flag]).toEqual(["stage", "--launch"])
  const { kind } = readLaunch(launch!).stages.find((of) => of.key === key)!
  if (kind === late) {
    job.status = failed(1, "DeadlineExceeded")
    return
  }
  for (let died = 0; died <= job.body.spec.backoffLimit; job.status = { failed: ++died }) {
    if (kind === deaths.kind && deaths.left > 0) {
      deaths.left--
      continue
    }
    const end = await Effect.runPromise(Effect.result(runLaunched(launch!, key!, Effect.never)))
    if (end._tag === "Failure") continue
    job.status = { succeeded: 1 }
    return
  }
  job.status = failed(job.body.spec.backoffLimit + 1, "BackoffLimitExceeded")
}
const path = "/apis/batch/v1/namespaces/lab/jobs"
const refusal = (code: number, reason: string) =>
  Response.json({ kind: "Status", apiVersion: "v1", status: "Failure", reason, code }, { status: code })
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: async (request) => {
    const { pathname } = new URL(request.url)
    if (request.method === "POST" && pathname === path) {
      const body = (await request.json()) as Body // The page's own code wrote it.
      const { name } = body.metadata
      if (body.kind !== "Job" || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return refusal(422, "Invalid")
      if (jobs.has(name)) return refusal(409, "AlreadyExists")
      const job: Job = { body, status: { active: 1 } }
      jobs.set(name, job)
      queue = queue.then(() => work(job, body.spec.template.spec.containers[0].command))
      return Response.json({ ...body, status: job.status }, { status: 201 })
    }
    const job = jobs.get(pathname.slice(path.length + 1))
    if (request.method !== "GET" || job === undefined) return refusal(404, "NotFound")
    return Response.json({ ...job.body, status: job.status })
  },
})
afterAll(() => server.stop(true))

/** The API without a client. */
const plainJobs: Jobs = {
  create: async (job) => {
    const answer = await fetch(new URL(path, server.url), { method: "POST", body: JSON.stringify(job) })
    if (!answer.ok && answer.status !== 409) throw new Error(await answer.text())
  },
  status: async (name) => {
    const answer = await fetch(new URL(`${path}/${name}`, server.url))
    if (!answer.ok) throw new Error(await answer.text())
    return ((await answer.json()) as Job).status
  },
}

const newHome = () => mkdtempSync(join(tmpdir(), "winnow-kubernetes-"))
const run = (home: string, launcher: Layer.Layer<never>) =>
  Effect.flatMap(resolve(tiny, { seeds: [1], arms: ["all"] }), (resolved) =>
    runDistillation(resolved, {
      slug: "000-tiny",
      results: join(home, "results"),
      source: { file: join(import.meta.dir, "../../test/tiny-experiment.ts") },
    }),
  ).pipe(Effect.provide([runLayers(home), launcher]))
let kubernetes: Kubernetes
beforeAll(async () => {
  kubernetes = (await import(join(folder, "kubernetes.ts"))).kubernetes
})

test("a run as jobs has the bytes of one process; a pod that dies is tried again", async () => {
  const [ours, theirs] = [newHome(), newHome()]
  deaths = { kind: "start", left: 2 }
  const finished = await Effect.runPromise(run(ours, kubernetes(plainJobs, "winnow:1", { poll: 0.05 })))
  expect(deaths.left).toBe(0)
  expect(jobs.size).toBeGreaterThan(5)
  const alone = await Effect.runPromise(run(theirs, local))
  expect(storeContents(ours)).toEqual(storeContents(theirs))
  expect(finished.computed).toBe(alone.computed)
})

test("a job past its limit of deaths or of time is a failure that names it", async () => {
  jobs.clear()
  deaths = { kind: "target", left: 9 }
  const error = await Effect.runPromise(Effect.flip(run(newHome(), kubernetes(plainJobs, "winnow:1", { poll: 0.05 }))))
  expect(error.message).toMatch(/^target: job winnow-[0-9a-f]{20} failed \(BackoffLimitExceeded\): kubectl logs/)

  jobs.clear()
  deaths = { kind: "", left: 0 }
  late = "target"
  const ended = await Effect.runPromise(Effect.flip(run(newHome(), kubernetes(plainJobs, "winnow:1", { poll: 0.05 }))))
  late = ""
  expect(ended.message).toMatch(/^target: job winnow-[0-9a-f]{20} failed \(DeadlineExceeded\): kubectl logs/)
})

test.skipIf(official === undefined)(
  "the official client creates jobs, leaves those that are there, and reads their status (WINNOW_KUBERNETES)",
  async () => {
    const cluster = { name: "c", cluster: { server: server.url.origin, "insecure-skip-tls-verify": true } }
    const config = {
      ...{ apiVersion: "v1", kind: "Config", "current-context": "x" },
      ...{ clusters: [cluster], users: [{ name: "u", user: {} }] },
      contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "lab" } }],
    }
    process.env["KUBECONFIG"] = join(folder, "config.json")
    writeFileSync(process.env["KUBECONFIG"], JSON.stringify(config))
    const ofCluster: Jobs = (await import(join(folder, "cluster-jobs.ts"))).clusterJobs("lab")
    const spec = { backoffLimit: 0, template: { spec: { containers: [{ command: [] }] as const } } }
    const there: Body = { kind: "Job", metadata: { name: "winnow-there" }, spec }
    jobs.set(there.metadata.name, { body: there, status: { succeeded: 1 } })
    await ofCluster.create(there)
    expect(await ofCluster.status("winnow-there")).toMatchObject({ succeeded: 1 })
    await expect(ofCluster.create({ ...there, metadata: { name: "Not a name" } })).rejects.toThrow("422")
    await expect(ofCluster.status("winnow-none")).rejects.toThrow("404")
  },
)
