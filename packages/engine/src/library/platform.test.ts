import { expect, test } from "bun:test"
import { chmodSync } from "node:fs"
import { join } from "node:path"
import { temporaryFolder } from "./fixtures.ts"
import { currentPlatform, flavours, seesNvidiaGpu } from "./platform.ts"
import { wheelFor } from "./wheels.ts"

const nothing = () => false

test("the three platforms are known, others are refused with a way out", () => {
  expect(currentPlatform("linux", "x64", nothing)).toBe("linux-x86-64")
  expect(currentPlatform("linux", "arm64", nothing)).toBe("linux-arm64")
  expect(currentPlatform("darwin", "arm64", nothing)).toBe("macos-arm64")
  expect(() => currentPlatform("darwin", "x64", nothing)).toThrow("darwin on x64 is not supported")
  expect(() => currentPlatform("win32", "x64", nothing)).toThrow("win32 on x64 is not supported")
  expect(() => currentPlatform("linux", "x64", (path) => path.includes("musl"))).toThrow("musl instead of glibc")
})

test("the wheel's name follows what the index publishes for each machine", () => {
  expect(wheelFor("linux-x86-64", "cpu").fileName).toBe("tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl")
  expect(wheelFor("linux-x86-64", "gpu").fileName).toBe("tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl")
  expect(wheelFor("linux-arm64", "cpu").fileName).toBe("tensorflow-2.21.0-cp311-cp311-manylinux_2_27_aarch64.whl")
  expect(wheelFor("macos-arm64", "cpu").fileName).toBe("tensorflow-2.21.0-cp311-cp311-macosx_12_0_arm64.whl")
})

test("the CUDA build is asked for only where it exists", () => {
  expect(flavours("linux-x86-64", true)).toEqual(["gpu", "cpu"])
  expect(flavours("linux-x86-64", false)).toEqual(["cpu"])
  expect(flavours("linux-arm64", true)).toEqual(["cpu"])
})

test("a hidden GPU is not seen; nvidia-smi counts only when it lists one", async () => {
  expect(await seesNvidiaGpu({ CUDA_VISIBLE_DEVICES: "-1" })).toBe(false)
  expect(await seesNvidiaGpu({ CUDA_VISIBLE_DEVICES: "" })).toBe(false)
  using folder = temporaryFolder()
  const smi = join(folder.path, "nvidia-smi")
  const env = { PATH: folder.path }
  if (await seesNvidiaGpu(env)) return // On a machine with a GPU the device file answers before nvidia-smi is run.
  await Bun.write(smi, '#!/bin/sh\necho "GPU 0: NVIDIA A100 (UUID: GPU-1)"\n')
  chmodSync(smi, 0o755)
  expect(await seesNvidiaGpu(env)).toBe(true)
  await Bun.write(
    smi,
    '#!/bin/sh\necho "NVIDIA-SMI has failed because it could not communicate with the driver"\nexit 9\n',
  )
  expect(await seesNvidiaGpu(env)).toBe(false)
})
