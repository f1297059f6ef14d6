/**
 * Reads the header of a shared library: is it one, for this machine, and whole?
 *
 * Loading a truncated library ends the process (SIGBUS) instead of failing, so the header is checked first; that costs
 * one small read. Offsets in the header must lie inside the file: in ELF the section table is at the end, in Mach-O
 * every segment states its end.
 */
import { type FileHandle, open } from "node:fs/promises"
import type { Platform } from "./library.ts"

const elfMachine = { "linux-x86-64": 62, "linux-arm64": 183 } as const
const machName = (type: number) => (type === 0x0100000c ? "arm64" : type === 0x01000007 ? "x86-64" : `CPU type ${type}`)
const elfName = (machine: number) => (machine === 62 ? "x86-64" : machine === 183 ? "arm64" : `machine ${machine}`)

/** The fault of the file as a shared library of `platform`; undefined if there is none. */
export const sharedObjectProblem = async (path: string, platform: Platform): Promise<string | undefined> => {
  let file: FileHandle
  try {
    file = await open(path, "r")
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    return code === "ENOENT" ? `${path} does not exist` : `${path} cannot be opened: ${message}`
  }
  try {
    const { size } = await file.stat()
    const problem =
      platform === "macos-arm64" ? await machProblem(file, size) : await elfProblem(file, size, elfMachine[platform])
    return problem === undefined ? undefined : `${path} ${problem}`
  } catch (cause) {
    return `${path} cannot be read: ${(cause as Error).message}`
  } finally {
    await file.close()
  }
}

const read = async (file: FileHandle, position: number, length: number): Promise<DataView> => {
  const buffer = new ArrayBuffer(length)
  const { bytesRead } = await file.read(new Uint8Array(buffer), 0, length, position)
  return new DataView(buffer, 0, bytesRead)
}

const truncated = (size: number, expected: number) =>
  `is truncated: it has ${size} bytes, its header speaks of ${expected}`

const elfProblem = async (file: FileHandle, size: number, machine: number): Promise<string | undefined> => {
  const header = await read(file, 0, 64)
  if (header.byteLength < 64 || header.getUint32(0) !== 0x7f454c46) return "is not a shared library (no ELF header)"
  const machineCode = header.getUint16(18, true)
  if (machineCode !== machine) return `is built for ${elfName(machineCode)}, this machine is ${elfName(machine)}`
  const end = Number(header.getBigUint64(40, true)) + header.getUint16(58, true) * header.getUint16(60, true)
  return end > size ? truncated(size, end) : undefined
}

const LC_SEGMENT_64 = 0x19

const machProblem = async (file: FileHandle, size: number): Promise<string | undefined> => {
  const start = await read(file, 0, 32)
  if (start.byteLength < 32) return "is not a shared library (no Mach-O header)"
  // A universal file (0xcafebabe, big-endian) holds several libraries; the loader picks ours, so only 64-bit ones are walked.
  if (start.getUint32(0) === 0xcafebabe) return undefined
  if (start.getUint32(0, true) !== 0xfeedfacf) return "is not a shared library (no Mach-O header)"
  const cpu = start.getUint32(4, true)
  if (cpu !== 0x0100000c) return `is built for ${machName(cpu)}, this machine is arm64`
  const commands = await read(file, 32, start.getUint32(20, true))
  let end = 32 + start.getUint32(20, true)
  for (let at = 0, left = start.getUint32(16, true); left > 0 && at + 56 <= commands.byteLength; left--) {
    if (commands.getUint32(at, true) === LC_SEGMENT_64)
      end = Math.max(end, Number(commands.getBigUint64(at + 40, true)) + Number(commands.getBigUint64(at + 48, true)))
    at += Math.max(8, commands.getUint32(at + 4, true))
  }
  return end > size ? truncated(size, end) : undefined
}
