/**
 * A real Slurm cluster on this machine: munged, slurmctld and a slurmd for each node, as root on the loopback. Each node
 * has a host name and a process table of its own (namespaces of Linux), so a lock's owner on another node is out of reach
 * as on another machine, and SIGKILL of a node ends all of its processes at once.
 */
import { spawn, spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { hostname } from "node:os"
import { join } from "node:path"

/** The programs of the cluster, with the Debian package of each. */
const programs = { munged: "munge", slurmctld: "slurmctld", slurmd: "slurmd", sbatch: "slurm-client" } as const

/** The reason why no cluster can be started here; undefined where one can. */
export const whyNoCluster = (): string | undefined => {
  const missing = Object.entries(programs).flatMap(([name, from]) => (Bun.which(name) === null ? [from] : []))
  if (missing.length > 0)
    return `there is no Slurm here; install ${missing.join(", ")} (apt-get install slurm-wlm munge)`
  if (process.getuid?.() !== 0) return "slurmctld and slurmd of the test run as root, and this process does not"
  const namespaces = spawnSync("unshare", ["--uts", "--pid", "--fork", "--mount-proc", "true"], { stdio: "ignore" })
  return namespaces.status === 0 ? undefined : "this process may not make namespaces of Linux (unshare)"
}

export interface ClusterOptions {
  /** CPUs of each node; one node for each. */
  readonly nodes: ReadonlyArray<number>
  /** Most jobs that the controller knows, ended ones included. */
  readonly maxJobs?: number
  /** Seconds after which the controller forgets an ended job. */
  readonly minJobAge?: number
  /**
   * Each node sees the folder `shared` by a mount of its own, over SFTP: another client of a network's file system, which
   * believes what it knew of a file for some seconds. Needs sshfs and the SFTP server of OpenSSH.
   */
  readonly mounts?: boolean
}

/** The program that serves files over SFTP. */
const sftpServer = "/usr/lib/openssh/sftp-server"

/** The reason why nodes can have no mounts of their own here; undefined where they can. */
export const whyNoMounts = (): string | undefined =>
  Bun.which("sshfs") !== null && existsSync(sftpServer) && existsSync("/dev/fuse")
    ? undefined
    : "there is no sshfs here; install sshfs and openssh-sftp-server"

/** Seconds for which a node believes what it knew of a file, as NFS does. */
const staleSeconds = 3

/** A command that mounts the folder `exported` at `shared`. */
const mountCommand = (folder: string): ReadonlyArray<string> => {
  const timeouts = ["dcache_timeout", "attr_timeout", "entry_timeout"].map((name) => `${name}=${staleSeconds}`)
  // The server is a child of the mount: its stream takes the place of a connection.
  const options = [`ssh_command=${folder}/serve`, "auto_cache", ...timeouts]
  return ["sshfs", `server:${folder}/exported`, `${folder}/shared`, "-o", options.join(",")]
}

export interface Cluster {
  readonly folder: string
  /** The folder that all nodes see; with `mounts` by a mount of this machine's own. */
  readonly shared: string
  /** Variables with which clients reach this cluster. */
  readonly env: Readonly<Record<string, string>>
  readonly nodes: ReadonlyArray<string>
  /** Runs a client to its end. @error Error (thrown) with its stderr if it fails */
  readonly run: (...command: ReadonlyArray<string>) => string
  /** Kills a node, with all of its processes, as a power cut does. */
  readonly kill: (node: string) => void
  /** Kills a node's slurmd alone: its jobs run on, and Slurm takes the node for dead. `kill` and `boot` bring it back. */
  readonly killDaemon: (node: string) => void
  /** The running job of a stage, which its comment names, and its node. */
  readonly jobOf: (stage: string) => { readonly id: string; readonly node: string } | undefined
  /** Starts a node again after `kill`. */
  readonly boot: (node: string) => void
  /** Waits until the nodes have this state in `sinfo`. */
  readonly until: (state: string, nodes?: ReadonlyArray<string>) => Promise<void>
  /** Lets a job that is about to be queued again begin soon: by itself it would wait for two minutes. */
  readonly hurry: (job: string) => Promise<void>
  /** Cuts a node off in the middle of a job, and starts it again: Slurm has the job go on, on any node. */
  readonly lose: (job: { readonly id: string; readonly node: string }) => Promise<void>
  /** Ends all daemons. */
  readonly stop: () => Promise<void>
}

/** Seconds for which a job's credential is valid. */
const credentialSeconds = 2

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port")),
      )
    })
  })

const confOf = (
  folder: string,
  ports: ReadonlyArray<number>,
  { nodes, maxJobs = 10_000, minJobAge = 300 }: ClusterOptions,
): string =>
  [
    "ClusterName=winnow",
    `SlurmctldHost=${hostname()}(127.0.0.1)`,
    `SlurmctldPort=${ports[0]}`,
    "SlurmUser=root",
    "AuthType=auth/munge",
    // After so many seconds a job that is queued again may begin, as its old credential is invalid (`hurry`).
    `AuthInfo=socket=${folder}/munge.socket,cred_expire=${credentialSeconds}`,
    "CredType=cred/munge",
    `StateSaveLocation=${folder}/state`,
    `SlurmdSpoolDir=${folder}/spool-%n`,
    `SlurmctldPidFile=${folder}/slurmctld.pid`,
    `SlurmdPidFile=${folder}/slurmd-%n.pid`,
    `SlurmctldLogFile=${folder}/slurmctld.log`,
    `SlurmdLogFile=${folder}/slurmd-%n.log`,
    "ProctrackType=proctrack/linuxproc",
    "TaskPlugin=task/none",
    "SwitchType=switch/none",
    "MpiDefault=none",
    "SelectType=select/cons_tres",
    "SelectTypeParameters=CR_Core",
    "AccountingStorageType=accounting_storage/none",
    "JobAcctGatherType=jobacct_gather/none",
    "SchedulerType=sched/backfill",
    "SchedulerParameters=sched_interval=1,batch_sched_delay=1,bf_interval=2",
    "PropagateResourceLimits=NONE",
    "ReturnToService=2",
    "SlurmdTimeout=4",
    "SlurmctldTimeout=10",
    "KillWait=5",
    "MessageTimeout=10",
    `MaxJobCount=${maxJobs}`,
    `MinJobAge=${minJobAge}`,
    ...nodes.map(
      (cpus, i) =>
        `NodeName=node${i + 1} NodeHostname=node${i + 1} NodeAddr=127.0.0.1 Port=${ports[i + 1]} CPUs=${cpus} RealMemory=8000 State=UNKNOWN`,
    ),
    // A job of the urgent partition displaces one of the main partition, which is queued again.
    "PreemptType=preempt/partition_prio",
    "PreemptMode=REQUEUE",
    "PartitionName=main Nodes=ALL Default=YES DefaultTime=10 MaxTime=60 PriorityTier=1 State=UP",
    "PartitionName=urgent Nodes=ALL DefaultTime=1 MaxTime=1 PriorityTier=2 State=UP",
    "",
  ].join("\n")

/** Waits for a condition. @error Error (thrown) after so many seconds, with the text */
export const waitFor = async (what: string, seconds: number, condition: () => boolean): Promise<void> => {
  const end = performance.now() + seconds * 1000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: waited ${seconds} s for nothing`)
    await Bun.sleep(100)
  }
}

/** Starts a cluster whose files lie in a folder, and waits until all nodes are idle: some three seconds. */
export const startCluster = async (folder: string, options: ClusterOptions): Promise<Cluster> => {
  for (const name of ["state", "logs"]) mkdirSync(join(folder, name), { recursive: true })
  const conf = join(folder, "slurm.conf")
  const ports = await Promise.all([...Array(options.nodes.length + 1)].map(freePort))
  writeFileSync(conf, confOf(folder, ports, options))
  // Other settings would make slurmd look for control groups, which a test needs none of.
  writeFileSync(join(folder, "cgroup.conf"), "CgroupPlugin=cgroup/v1\n")
  const key = join(folder, "munge.key")
  writeFileSync(key, randomBytes(128), { mode: 0o400 })
  const env = { SLURM_CONF: conf }
  const daemons = new Map<string, ReturnType<typeof spawn>>()
  const daemon = (name: string, command: string, args: ReadonlyArray<string>) => {
    const log = openSync(join(folder, "logs", name), "a")
    const child = spawn(command, args, { stdio: ["ignore", log, log], env: { ...process.env, ...env } })
    daemons.set(name, child)
  }
  const socket = join(folder, "munge.socket")
  const files = ["--pid-file", "--log-file", "--seed-file"].map(
    (flag, i) => `${flag}=${folder}/munge.${["pid", "log", "seed"][i]}`,
  )
  const shared = join(folder, "shared")
  const { mounts = false } = options
  mkdirSync(shared, { recursive: true })
  if (mounts) {
    mkdirSync(join(folder, "exported"))
    writeFileSync(join(folder, "serve"), `#!/bin/sh\nexec ${sftpServer}\n`, { mode: 0o755 })
    const [command, ...args] = mountCommand(folder) as [string, ...Array<string>]
    const { status, stderr } = spawnSync(command, args, { encoding: "utf8" })
    if (status !== 0) throw new Error(`${command}: ${stderr}`)
  }
  daemon("munged", "munged", ["--foreground", "--force", `--key-file=${key}`, `--socket=${socket}`, ...files])
  await waitFor("munged", 10, () => existsSync(socket))
  daemon("slurmctld", "slurmctld", ["-D", "-f", conf])
  const nodes = options.nodes.map((_, i) => `node${i + 1}`)
  const boot = (node: string) => {
    mkdirSync(join(folder, `spool-${node}`), { recursive: true })
    const own = ["--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
    // The shell is the first process of the node's table: without slurmd the others go on.
    const mount = mounts ? `${mountCommand(folder).join(" ")} && ` : ""
    daemon(node, "unshare", [...own, "sh", "-c", `hostname ${node}; ${mount}slurmd -D -f ${conf}; exec sleep infinity`])
  }
  for (const node of nodes) boot(node)
  const run = (...[command, ...args]: ReadonlyArray<string>) => {
    const { status, stdout, stderr } = spawnSync(command!, args, { encoding: "utf8", env: { ...process.env, ...env } })
    if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr || stdout}`)
    return stdout
  }
  const stateOf = (node: string) => {
    try {
      return run("sinfo", "--noheader", "--nodes", node, "--format", "%T").trim()
    } catch {
      return ""
    }
  }
  const cluster: Cluster = {
    folder,
    shared,
    env,
    nodes,
    run,
    kill: (node) => void daemons.get(node)?.kill("SIGKILL"), // unshare takes its child along.
    killDaemon: (node) => {
      const childrenOf = (pid: number) =>
        readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number)
      const nameOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, "utf8").trim()
      const pid = childrenOf(daemons.get(node)!.pid!)
        .flatMap(childrenOf)
        .find((of) => nameOf(of) === "slurmd")
      if (pid === undefined) throw new Error(`${node} has no slurmd`)
      process.kill(pid, "SIGKILL")
    },
    jobOf: (stage) => {
      const lines = run("squeue", "--noheader", "--states=RUNNING", "--format=%i|%N|%k").split("\n")
      const [id, node] = lines.find((line) => line.split("|")[2] === stage)?.split("|") ?? []
      return id === undefined ? undefined : { id, node: node! }
    },
    boot,
    until: (state, of = nodes) =>
      waitFor(`${of.join(", ")} ${state}`, 60, () => of.every((node) => stateOf(node).startsWith(state))),
    hurry: async (job) => {
      const waits = () => run("squeue", "--noheader", `--jobs=${job}`, "--format=%T %r").trim() === "PENDING BeginTime"
      await waitFor(`job ${job} in the queue again`, 60, waits)
      await Bun.sleep((credentialSeconds + 1) * 1000)
      run("scontrol", "update", `JobId=${job}`, "StartTime=now")
    },
    lose: async ({ id, node }) => {
      cluster.kill(node)
      await cluster.until("down", [node])
      cluster.boot(node)
      await cluster.hurry(id)
    },
    stop: async () => {
      for (const name of [...daemons.keys()].toReversed()) {
        const child = daemons.get(name)!
        if (child.exitCode !== null || child.signalCode !== null) continue
        const ended = new Promise((resolve) => child.once("exit", resolve))
        child.kill(nodes.includes(name) ? "SIGKILL" : "SIGTERM")
        const timer = setTimeout(() => child.kill("SIGKILL"), 3000)
        await ended
        clearTimeout(timer)
      }
      if (mounts) spawnSync("umount", ["--lazy", shared])
      rmSync(key, { force: true })
    },
  }
  try {
    await cluster.until("idle")
  } catch (error) {
    await cluster.stop()
    const logs = ["slurmctld.log", ...nodes.map((node) => `slurmd-${node}.log`)].map((name) => join(folder, name))
    throw new Error(
      `${error}\n${logs.flatMap((log) => (existsSync(log) ? readFileSync(log, "utf8").slice(-2000) : [])).join("\n")}`,
    )
  }
  return cluster
}
