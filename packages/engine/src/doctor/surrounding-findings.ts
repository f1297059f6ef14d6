/** Judgements on what lies around the engine, each with the state that was seen, the expected one and the remedy. */
import type { Finding } from "./finding.ts"
import type { Disk, Surroundings } from "./surroundings.ts"

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`

const diskFindings = ({ use, folder, variable, needed, loads, free, writable, noexec }: Disk): Array<Finding> => {
  const move = `set ${variable} to a folder`
  const findings: Array<Finding> = []
  if (!writable)
    findings.push({
      level: "warn",
      about: "disk",
      text: `${use} cannot be written: ${folder}; expected a folder that this user may write to`,
      remedy: `Make it writable, or ${move} that is.`,
    })
  if (free !== undefined && free < needed)
    findings.push({
      level: "warn",
      about: "disk",
      text: `${gigabytes(free)} are free for ${use}, ${folder}; expected ${gigabytes(needed)} or more`,
      remedy: `Free some (\`bun run winnow clean\` lists what can go), or ${move} on a larger disk.`,
    })
  if (loads && noexec)
    findings.push({
      level: "warn",
      about: "disk",
      text: `${use}, ${folder}, lies on a disk mounted noexec, from which no library can be loaded; expected one without that option`,
      remedy: `Mount it without noexec, or ${move} on another disk.`,
    })
  return findings
}

/** The findings of the surroundings; none if all is well. */
export const surroundingFindings = ({ disks, locale, otherCopies }: Surroundings): Array<Finding> => {
  const findings = disks.flatMap(diskFindings)
  if (otherCopies.length > 0)
    findings.push({
      level: "warn",
      about: "library",
      text: [
        "the loader may take another copy of TensorFlow for a part of ours; expected one copy:",
        ...otherCopies.map(({ file, variable }) => `${file}, by ${variable}`),
      ].join("\n"),
      remedy: `Start without it: env ${[...new Set(otherCopies.map(({ variable }) => `-u ${variable}`))].join(" ")} bun run winnow doctor`,
    })
  if (locale !== undefined)
    findings.push({
      level: "warn",
      about: "locale",
      text: `the locale is ${locale}, expected one of UTF-8: lines and signs of tables may come out as other marks`,
      remedy: "export LC_ALL=C.UTF-8",
    })
  return findings
}
