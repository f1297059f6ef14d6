/** `bench decode --llama-bench`: programs, commands, and figures of llama.cpp and its fork, by programs that stand in. */
import { expect, test } from "bun:test"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { UsageError } from "../../options.ts"
import { runBench } from "../../side-by-side/fake-peer.fixture.ts"
import { WorkerEnded } from "../../side-by-side/worker-process.ts"
import type { EnginesReport } from "../bench-decode.ts"
import { parseDecode } from "../options.ts"
import { aloneCommand, engineAt, pairCommand, readAlone, readPaired, type Turn } from "./engines.ts"

/** Runs with a folder of programs, each a shell script, or JavaScript over `args`. */
const withPrograms = async <A>(programs: Readonly<Record<string, string>>, use: (folder: string) => A) => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-engines-"))
  try {
    for (const [name, body] of Object.entries(programs)) {
      const file = join(folder, name)
      const head = body.startsWith("const ") ? `#!${process.execPath}` : "#!/bin/sh"
      writeFileSync(file, `${head}\n${body}\n`)
      chmodSync(file, 0o755)
    }
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A shell script that prints a text, with its argument behind `-p` in place of PROMPT. */
const printing = (text: string): string =>
  `while [ "$1" != -p ]; do shift; done\nprintf %s "$2"\ncat <<'END'\n${text}\nEND`

/** The output of llama-bench with `-o json`, shortened to the fields of both engines. */
const printedAlone = (promptNs: number, tokensNs: number) =>
  JSON.stringify([
    { build_commit: "abc1234", n_prompt: 4, n_gen: 0, avg_ns: promptNs, samples_ns: [promptNs] },
    { build_commit: "abc1234", n_prompt: 0, n_gen: 12, avg_ns: tokensNs, samples_ns: [tokensNs] },
  ])

/** The end of llama-speculative-simple's output. */
const printedPair = `
encoded    4 tokens in    0.250 seconds, speed:   16.000 t/s
decoded   13 tokens in    1.050 seconds, speed:   12.381 t/s

n_draft   = 4
n_predict = 13
n_drafted = 16
n_accept  = 9
accept    = 56.250%
`

/** The end of ik_llama.cpp's llama-cli. */
const printedFork = `
llama_print_timings:       total time =    1200.00 ms /    16 tokens
statistics draft: #calls(b,g,a) = 1 4 4, #gen drafts = 4, #acc drafts = 3, #gen tokens = 16, #acc tokens = 8
`

const turn: Turn = { prompt: [5, 6, 7, 8], new: 12, gamma: 4, threads: 2 }
const text = "<5><6><7><8><1><2><3><4><1><2><3><4><1><2><3><4><9>"

test("commands: the threads, tokens and proposals of ours; weights of the fork are repacked", () =>
  withPrograms({ "llama-bench": "", "llama-speculative-simple": "", "llama-cli": "" }, (folder) => {
    const [plain, fork] = [engineAt("llama.cpp", folder), engineAt("ik_llama.cpp", join(folder, "llama-bench"))]
    const words = ["-m", "t.gguf", "-p", "4", "-n", "12", "-r", "1", "-t", "2", "-o", "json"]
    expect(aloneCommand(plain, "t.gguf", turn)).toEqual([join(folder, "llama-bench"), ...words])
    expect(aloneCommand(fork, "t.gguf", turn).slice(1)).toEqual([...words, "-rtr", "1"])
    const models = { target: "t.gguf", draft: "d.gguf" }
    const pair = pairCommand(plain, models, turn).join(" ")
    expect(pair).toStartWith(join(folder, "llama-speculative-simple -m t.gguf -md d.gguf -p <5><6><7><8> -n 12"))
    expect(pair).toContain("--spec-draft-n-max 4 --spec-draft-n-min 0 --spec-draft-p-min 0")
    expect(pairCommand(fork, models, turn).join(" ")).toEndWith("--spec-type draft:n_max=4,p_min=0.0 -rtr")
  }))

test("figures: seconds of prompt and tokens; of a pair the text after its prompt and the counts", () =>
  withPrograms({ "llama-bench": "", "llama-speculative-simple": "", "llama-cli": "" }, (folder) => {
    const [plain, fork] = [engineAt("llama.cpp", folder), engineAt("ik_llama.cpp", folder)]
    expect(readAlone(plain, `a line before\n${printedAlone(2e8, 3e9)}`)).toEqual({
      promptSeconds: 0.2,
      tokensSeconds: 3,
      commit: "abc1234",
    })
    const tokens = [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]
    expect(readPaired(plain, turn, text, printedPair)).toEqual({
      seconds: 1.3,
      ...{ tokens, written: 13, proposed: 16, accepted: 9 },
    })
    expect(readPaired(fork, turn, text, printedFork)).toEqual({
      seconds: 1.2,
      ...{ tokens, written: 12, proposed: 16, accepted: 8 },
    })
    expect(() => readAlone(plain, "main: error")).toThrow(WorkerEnded)
    expect(() => readPaired(plain, turn, text, "n_predict = 13")).toThrow("printed no time of the prompt")
  }))

test("takes turns with both engines, each turn a process; ratios of each work, memory of each process", () =>
  withPrograms(
    {
      "llama-bench": `const held = new Uint8Array(process.argv.includes("-rtr") ? 0 : 2 ** 26).fill(1)
        await Bun.sleep(100)
        console.log(${JSON.stringify(printedAlone(4e9, 12e9))}, held.length < 0 ? held : "")`,
      "llama-speculative-simple": printing(printedPair),
      "llama-cli": printing(`<9>${printedFork}`),
      "convert_hf_to_gguf.py": "",
      // our script, then its arguments: the user's script, folder, file, type, end
      python: `[ "$(basename "$1")" = gguf_convert.py ] && [ "$5" = q8_0 ] && [ "$6" -ge 0 ] || exit 1
        head -c 1048576 /dev/zero > "$4"`,
    },
    (folder) => {
      const sizes = ["--draft", "32,1,1,64", "--target", "64,2,2,128", "--vocab", "256", "--prompt", "4", "--new", "12"]
      const engines = ["--llama-bench", folder, "--ik-llama-bench", folder]
      const converter = ["--gguf-converter", `${join(folder, "python")} ${join(folder, "convert_hf_to_gguf.py")}`]
      const rest = ["--precision", "q8", "--rounds", "1", "--json"]
      const { exitCode, stdout, stderr } = runBench("decode", ...engines, ...converter, ...sizes, ...rest)
      expect([exitCode, stderr]).toEqual([0, ""])
      const { sides, ratios, floor, command } = JSON.parse(stdout) as EnginesReport
      expect(command).toContain("--llama-bench PATH --ik-llama-bench PATH --gguf-converter COMMAND")
      expect(sides.map(({ engine, precision }) => `${engine} ${precision}`)).toEqual([
        ...["Winnow q8", "llama.cpp q8", "ik_llama.cpp q8"],
      ])
      const [ours, theirs, fork] = sides
      expect(ours!.assisted.identical).toBe(1)
      expect(ours!.assisted.proposed).toBeGreaterThan(ours!.assisted.accepted)
      expect(theirs).toMatchObject({ commit: "abc1234", fileMegabytes: { target: 1, pair: 2 } })
      expect([theirs!.prompt, theirs!.plain].map(({ tokensPerSecond }) => tokensPerSecond)).toEqual([1, 1])
      expect(theirs!.assisted).toMatchObject({ tokensPerSecond: 10, proposed: 16, accepted: 9, identical: 0 })
      expect(fork!.assisted.tokensPerSecond).toBeCloseTo(1 / 1.2, 6)
      // the first stand-in holds 64 MB more
      expect(theirs!.peakMegabytes.plain - fork!.peakMegabytes.plain).toBeGreaterThan(40)
      expect(ratios).toHaveLength(2)
      expect(ratios[0]).toMatchObject({ ours: "q8", engine: "llama.cpp", precision: "q8" })
      for (const { speed } of ratios) expect(speed.plain.value).toBeGreaterThan(1)
      expect(floor.q8 / floor.float32).toBeCloseTo(128 / 34, 6)
    },
  ))

test("refused before any work: a missing program or converter, another peer", () =>
  withPrograms({ "llama-bench": "process.exit(3)" }, (folder) => {
    const refused = (...args: ReadonlyArray<string>) => {
      expect(() => parseDecode(args)).toThrow(UsageError)
      return expect(() => parseDecode(args))
    }
    refused("--llama-bench", folder).toThrow("there is no")
    refused("--llama-bench", folder).toThrow("llama-speculative-simple of llama.cpp")
    writeFileSync(join(folder, "llama-speculative-simple"), "")
    refused("--llama-bench", folder).toThrow("give --gguf-converter 'python llama.cpp/convert_hf_to_gguf.py'")
    refused("--llama-bench", folder, "--gguf-converter", "python").toThrow("a Python and a script")
    refused("--llama-bench", folder, "--gguf-converter", "python none.py").toThrow("there is no none.py")
    refused("--llama-bench", folder, "--peer", "python").toThrow("leave out --peer and --draft-precision")
  }))
