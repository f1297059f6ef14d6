/** How the members of a group find each other: by files of a folder that all of them see. */
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { writeWhole } from "@winnow/files"
import type { Seat } from "../binding/server-def.ts"

/** Milliseconds that a member waits for the others to start. */
const startLimit = 120_000
const look = 50

/** A port that no process listens at. */
const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

/** A place at which a group meets: empty before its first member comes. */
export interface Meeting {
  readonly folder: string
  readonly rank: number
  readonly size: number
  /** The name under which the other members reach this machine. */
  readonly host: string
  /** Milliseconds to wait for the others. */
  readonly limit?: number
  /** False sends all numbers through the network, even where all members run on one machine. */
  readonly memory?: boolean
}

/** Writes a file of this member, and waits for those of all. @error Error that names the missing ranks */
const together = async ({ folder, rank, size, limit = startLimit }: Meeting, name: string, content: string) => {
  const file = (of: number) => join(folder, `${name}-${of}`)
  mkdirSync(folder, { recursive: true })
  writeWhole(file(rank), content)
  const ranks = Array.from({ length: size }, (_, of) => of)
  for (const end = Date.now() + limit; ; ) {
    const missing = ranks.filter((of) => !existsSync(file(of)))
    if (missing.length === 0) return ranks.map((of) => readFileSync(file(of), "utf8"))
    if (Date.now() > end)
      throw new Error(
        `rank ${missing.join(", ")} of ${size} did not start within ${limit / 1000} s (rank ${rank} waited in ${folder})`,
      )
    await Bun.sleep(look)
  }
}

/** The seat of this process, once all members have written their addresses. @error Error if one does not come */
export const meet = async (meeting: Meeting): Promise<Seat> => {
  const own = `${meeting.host}:${await freePort()}`
  return { rank: meeting.rank, members: await together(meeting, "address", own) }
}

/** Waits until the engines of all members are open: only then may they talk. @error Error if one is not */
export const allOpen = async (meeting: Meeting): Promise<void> => {
  await together(meeting, "open", "")
}
