/** Parts that this folder's tests share: tiny libraries with true headers, tiny wheels, silent meters. Tests only. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { deflateRawSync } from "node:zlib"
import { sha256 } from "@winnow/files"
import type { Library, Platform } from "./library.ts"
import { libraryNames } from "./library.ts"
import type { Meter } from "./progress.ts"
import type { Way } from "./way.ts"
import type { Wheel } from "./wheels.ts"

/** Bytes of a shared library for `platform`: a valid header for all `size` bytes, then noise of `seed`. */
export const fakeLibrary = (platform: Platform, seed = 7, size = 4096): Uint8Array<ArrayBuffer> => {
  let state = seed
  const bytes = Uint8Array.from({ length: size }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24)
  const view = new DataView(bytes.buffer)
  if (platform === "macos-arm64") {
    view.setUint32(0, 0xfeedfacf, true)
    view.setUint32(4, 0x0100000c, true)
    view.setUint32(16, 1, true) // One load command.
    view.setUint32(20, 72, true)
    view.setUint32(32, 0x19, true) // LC_SEGMENT_64
    view.setUint32(36, 72, true)
    view.setBigUint64(32 + 40, 0n, true)
    view.setBigUint64(32 + 48, BigInt(size), true)
    return bytes
  }
  view.setUint32(0, 0x7f454c46)
  view.setUint16(18, platform === "linux-arm64" ? 183 : 62, true)
  view.setBigUint64(40, BigInt(size - 2 * 64), true) // Two section headers of 64 bytes, at the end.
  view.setUint16(58, 64, true)
  view.setUint16(60, 2, true)
  return bytes
}

/** A zip file of deflated members, like a wheel. */
export const makeZip = (members: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer> => {
  const [locals, centrals]: [Array<Uint8Array>, Array<Uint8Array>] = [[], []]
  let offset = 0
  for (const [path, data] of Object.entries(members)) {
    const [name, packed] = [new TextEncoder().encode(path), deflateRawSync(data)]
    const common = new DataView(new ArrayBuffer(26)) // From "version needed" on, the same in both headers.
    common.setUint16(0, 20, true)
    common.setUint16(4, 8, true)
    common.setUint32(10, Bun.hash.crc32(data), true)
    common.setUint32(14, packed.length, true)
    common.setUint32(18, data.length, true)
    common.setUint16(22, name.length, true)
    const shared = new Uint8Array(common.buffer)
    const central = new DataView(new ArrayBuffer(46))
    central.setUint32(0, 0x504b0102)
    new Uint8Array(central.buffer).set(shared, 6)
    central.setUint32(42, offset, true)
    locals.push(Uint8Array.of(0x50, 0x4b, 3, 4), shared, name, packed)
    centrals.push(new Uint8Array(central.buffer), name)
    offset += 30 + name.length + packed.length
  }
  const directory = Buffer.concat(centrals)
  const end = new DataView(new ArrayBuffer(22))
  end.setUint32(0, 0x504b0506)
  end.setUint16(8, centrals.length / 2, true)
  end.setUint16(10, centrals.length / 2, true)
  end.setUint32(12, directory.length, true)
  end.setUint32(16, offset, true)
  return new Uint8Array(Buffer.concat([...locals, directory, new Uint8Array(end.buffer)]))
}

/**
 * A wheel with both libraries, a file that must not be unpacked, and a valid RECORD; `change` may spoil the members.
 */
export const makeWheel = (
  platform: Platform,
  change: (members: Record<string, Uint8Array>) => void = () => {},
): Uint8Array<ArrayBuffer> => {
  const names = libraryNames(platform)
  const members: Record<string, Uint8Array> = {
    "tensorflow/__init__.py": new TextEncoder().encode("raise SystemExit('never unpacked')"),
    [`tensorflow/${names.framework}`]: fakeLibrary(platform, 1),
    [`tensorflow/${names.cc}`]: fakeLibrary(platform, 2, 300_000),
  }
  const record = Object.entries(members).map(
    ([path, data]) =>
      `${path},sha256=${new Bun.CryptoHasher("sha256").update(data).digest("base64url")},${data.length}`,
  )
  members["tensorflow-9.9.9.dist-info/RECORD"] = new TextEncoder().encode(record.join("\n"))
  change(members)
  return makeZip(members)
}

/** Describes `bytes` as the requested wheel. */
export const wheelOf = (bytes: Uint8Array, pinned = true): Wheel => ({
  version: "9.9.9",
  project: "tensorflow-cpu",
  python: "3.11",
  tag: "any",
  fileName: "tensorflow_cpu-9.9.9-cp311-cp311-any.whl",
  flavour: "cpu",
  sha256: pinned ? sha256(bytes) : undefined,
  bytes: bytes.length,
  unpackedBytes: 304_096,
})

/** A way that delivers `bytes`, and counts its `calls`. */
export const wayOf = (bytes: Uint8Array, name: Way["name"] = "pip", stated?: string): Way & { calls: number } => {
  const way: Way & { calls: number } = {
    name,
    calls: 0,
    get: async (wheel, folder) => {
      way.calls++
      const path = join(folder, wheel.fileName)
      await Bun.write(path, bytes)
      return { path, stated }
    },
  }
  return way
}

/** A way that always throws `cause`. */
export const failingWay = (cause: unknown, name: Way["name"] = "https"): Way => ({
  name,
  get: () => Promise.reject(cause),
})

/** A meter that keeps its lines. */
export const quietMeter = (): Meter & { readonly lines: Array<string> } => {
  const lines: Array<string> = []
  return {
    lines,
    start: (label) => void lines.push(label),
    at: () => {},
    end: () => {},
    say: (line) => void lines.push(line),
  }
}

/** An empty folder for one test, and a function that removes it. */
export const temporaryFolder = (): { readonly path: string; readonly [Symbol.dispose]: () => void } => {
  const path = mkdtempSync(join(tmpdir(), "winnow-library-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Writes both libraries into `directory`. */
export const writeLibraries = async (directory: string, platform: Platform): Promise<Library["files"]> => {
  const names = libraryNames(platform)
  const files = { cc: join(directory, names.cc), framework: join(directory, names.framework) }
  await Bun.write(files.cc, fakeLibrary(platform, 2))
  await Bun.write(files.framework, fakeLibrary(platform, 1))
  return files
}
