/** Facts about this machine: the build that it needs, and its NVIDIA GPU if it has one. */
import { existsSync } from "node:fs"
import { AttemptFailed } from "./error.ts"
import type { Flavour, Platform } from "./library.ts"

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The platform of this process.
 *
 * @error AttemptFailed if TensorFlow publishes no library that the binding could load
 */
export const currentPlatform = (
  os: string = process.platform,
  architecture: string = process.arch,
  isThere: (path: string) => boolean = existsSync,
): Platform => {
  if (os === "linux" && (architecture === "x64" || architecture === "arm64")) {
    const [machine, loader] =
      architecture === "x64" ? ["x86_64", "/lib64/ld-linux-x86-64.so.2"] : ["aarch64", "/lib/ld-linux-aarch64.so.1"]
    if (isThere(`/lib/ld-musl-${machine}.so.1`) && !isThere(loader!))
      throw new AttemptFailed(
        "this Linux has musl instead of glibc; TensorFlow's libraries need glibc 2.27 or newer",
        "Use a distribution with glibc (Debian, Ubuntu, Fedora; not Alpine).",
      )
    return architecture === "x64" ? "linux-x86-64" : "linux-arm64"
  }
  if (os === "darwin" && architecture === "arm64") return "macos-arm64"
  throw new AttemptFailed(
    `${os} on ${architecture} is not supported; expected Linux on x64 or arm64, or macOS on arm64`,
    os === "win32" ? "Run it in WSL 2." : "Use one of the supported platforms.",
  )
}

/**
 * True if an NVIDIA GPU can be used: by its device file, or WSL's driver, or a line of `nvidia-smi -L`.
 *
 * A GPU hidden by CUDA_VISIBLE_DEVICES ("" or "-1") does not count: TensorFlow would not see it either.
 */
export const seesNvidiaGpu = async (env: Environment = process.env): Promise<boolean> => {
  const visible = env["CUDA_VISIBLE_DEVICES"]
  if (visible !== undefined && (visible.trim() === "" || visible.trim().startsWith("-1"))) return false
  if (existsSync("/dev/nvidia0") || existsSync("/usr/lib/wsl/lib/libcuda.so.1")) return true
  // Images for GPUs contain nvidia-smi even on machines without one, so its presence is no evidence: it must list a
  // GPU.
  const smi = Bun.which("nvidia-smi", { PATH: env["PATH"] ?? "" })
  if (smi === null) return false
  const child = Bun.spawn([smi, "-L"], { stdout: "pipe", stderr: "ignore", stdin: "ignore", timeout: 5000 })
  const listed = await new Response(child.stdout).text()
  return (await child.exited) === 0 && /^GPU 0:/m.test(listed)
}

/** The builds to try, best first: with a GPU the CUDA build, and the CPU build if that cannot be downloaded. */
export const flavours = (platform: Platform, gpu: boolean): ReadonlyArray<Flavour> =>
  gpu && platform === "linux-x86-64" ? ["gpu", "cpu"] : ["cpu"]
