/** Python and pip are small shell scripts, first on PATH, so that the tests need neither. */
import { expect, test } from "bun:test"
import { chmodSync, mkdirSync, readdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { sha256 } from "@winnow/files"
import { makeWheel, quietMeter, temporaryFolder, wheelOf, writeLibraries } from "./fixtures.ts"
import { pipWay } from "./pip.ts"
import { pythonLibrary } from "./python.ts"

const platform = "linux-x86-64"

const script = async (folder: string, name: string, body: string) => {
  const path = join(folder, name)
  await Bun.write(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return { PATH: `${folder}:/usr/bin:/bin` }
}

const answering = (folder: string, answer: unknown) => script(folder, "python3", `echo '${JSON.stringify(answer)}'`)

test("a TensorFlow in the Python on PATH is used where it lies", async () => {
  using folder = temporaryFolder()
  const directory = join(folder.path, "tensorflow")
  const files = await writeLibraries(directory, platform)
  const packages = [["tensorflow-cpu", "2.20.1"]]
  const env = await answering(folder.path, { folder: directory, packages, python: "/v/bin/python" })
  expect(await pythonLibrary(platform, env)).toEqual({
    directory,
    files,
    version: "2.20.1",
    flavour: "cpu",
    origin: "tensorflow-cpu 2.20.1 of /v/bin/python",
  })
})

test("no TensorFlow, an old one, one of another major version, one without libraries: each says so", async () => {
  using folder = temporaryFolder()
  const directory = join(folder.path, "tensorflow")
  mkdirSync(directory)
  const why = async (place: string | null, version: string) => {
    const packages = place === null ? [] : [["tensorflow", version]]
    const env = await answering(folder.path, { folder: place, packages, python: "py" })
    return await pythonLibrary(platform, env).catch((cause: Error) => cause.message)
  }
  expect(await why(null, "")).toBe("py has no TensorFlow")
  expect(await why(directory, "2.17.1")).toBe("py has TensorFlow 2.17.1; expected 2.x, 2.18 or newer")
  expect(await why(directory, "3.0.0")).toBe("py has TensorFlow 3.0.0; expected 2.x, 2.18 or newer")
  expect(await why(directory, "2.18.0")).toContain("libtensorflow_cc.so.2 does not exist")
  expect(await why(directory, "2.21.0-rc1")).toContain("libtensorflow_cc.so.2 does not exist")
})

test("a Python that fails, or none, gives an error", async () => {
  using folder = temporaryFolder()
  const env = await script(folder.path, "python3", "echo 'pyenv: python3: command not found' >&2; exit 127")
  await expect(pythonLibrary(platform, env)).rejects.toThrow(
    "python3 could not be asked: pyenv: python3: command not found",
  )
  await expect(pythonLibrary(platform, { PATH: "/nowhere" })).rejects.toThrow("no python3 or python on PATH")
})

const realPython = Bun.which("python3")

test.skipIf(realPython === null)("a true Python answers without importing the package", async () => {
  using folder = temporaryFolder()
  const site = join(folder.path, "site")
  const files = await writeLibraries(join(site, "tensorflow"), platform)
  await Bun.write(join(site, "tensorflow", "__init__.py"), "raise SystemExit('imported')")
  await Bun.write(join(site, "tensorflow-2.20.0.dist-info", "METADATA"), "Name: tensorflow\nVersion: 2.20.0\n")
  symlinkSync(realPython!, join(folder.path, "python3"))
  const found = await pythonLibrary(platform, { ...process.env, PYTHONPATH: site })
  expect(found).toMatchObject({ version: "2.20.0", files, flavour: "gpu" })
})

const bytes = makeWheel(platform)

/** A pip that checks its arguments and the place of its temporary files. */
const pip = (wheel: string) => `
[ "$1 $2 $3" = "-m pip download" ] || exit 1
for argument in "$@"; do
  case $argument in --dest=*) dest=\${argument#--dest=};; esac
  echo "$argument" >> asked
done
case $TMPDIR in "$dest"/*) ;; *) echo "ERROR: TMPDIR is $TMPDIR"; exit 1;; esac
cp '${wheel}' "$dest/tensorflow_cpu-9.9.9-cp311-cp311-any.whl"`

test("the request to pip is for the wheel of this machine, with any Python", async () => {
  using folder = temporaryFolder()
  await Bun.write(join(folder.path, "a.whl"), bytes)
  const env = await script(folder.path, "python3", pip(join(folder.path, "a.whl")))
  const into = join(folder.path, "into")
  mkdirSync(into)
  const { path, stated } = await pipWay(env).get(wheelOf(bytes), into, quietMeter())
  expect(sha256(await Bun.file(path).bytes())).toBe(sha256(bytes))
  expect(stated).toBeUndefined()
  const asked = (await Bun.file(join(into, "asked")).text()).split("\n")
  for (const argument of [
    "--no-deps",
    "--only-binary=:all:",
    "--python-version=3.11",
    "--platform=any",
    "tensorflow-cpu==9.9.9",
  ])
    expect(asked).toContain(argument)
})

test("a Python without pip is passed over for a pip3 on PATH", async () => {
  using folder = temporaryFolder()
  await Bun.write(join(folder.path, "a.whl"), bytes)
  const env = { PATH: `${folder.path}:/bin` }
  for (const name of ["python3", "python"]) await script(folder.path, name, "echo 'No module named pip' >&2; exit 1")
  await script(folder.path, "pip3", `cp '${join(folder.path, "a.whl")}' "\${PWD}/a.whl"`)
  const into = join(folder.path, "into")
  mkdirSync(into)
  expect((await pipWay(env).get(wheelOf(bytes), into, quietMeter())).path).toBe(join(into, "a.whl"))
  expect(readdirSync(into)).toContain("a.whl")
})

test("errors show pip's own messages, with the network's first warning and without credentials", async () => {
  using folder = temporaryFolder()
  const env = await script(
    folder.path,
    "python3",
    `echo "Looking in indexes: https://me:secret@mirror.example/simple"
echo "WARNING: Retrying after connection broken by 'Name or service not known' https://me:secret@mirror.example/" >&2
echo "WARNING: Retrying after connection broken by 'Name or service not known' again" >&2
echo "ERROR: No matching distribution found for tensorflow-cpu==9.9.9" >&2
exit 1`,
  )
  const failure = await pipWay(env)
    .get(wheelOf(bytes), folder.path, quietMeter())
    .catch((cause: Error & { remedy?: string }) => cause)
  expect(failure).toMatchObject({
    message: `${folder.path}/python3 -m pip: WARNING: Retrying after connection broken by 'Name or service not known' https://***@mirror.example/
ERROR: No matching distribution found for tensorflow-cpu==9.9.9`,
    remedy: expect.stringContaining("python3 -m pip download --no-deps"),
  })
})

test("pip's full disk is known as one", async () => {
  using folder = temporaryFolder()
  const env = await script(
    folder.path,
    "python3",
    "echo 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device' >&2; exit 1",
  )
  const failure = await pipWay(env)
    .get(wheelOf(bytes), folder.path, quietMeter())
    .catch((cause: unknown) => cause)
  expect(failure).toMatchObject({ code: "ENOSPC" })
})

test("without Python and pip the error says so", async () => {
  const env = { PATH: "/nowhere" }
  await expect(pipWay(env).get(wheelOf(bytes), "/tmp", quietMeter())).rejects.toThrow("no Python with pip on PATH")
})
