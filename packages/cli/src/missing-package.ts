/** A package that is not installed: the most usual fault of an install, met before any command runs. */

/**
 * The package that an import did not find.
 *
 * @returns undefined for another error, and for a file that an import names by its path
 */
export const missingPackage = (error: unknown): string | undefined => {
  if (typeof error !== "object" || error === null || !("specifier" in error)) return undefined
  const { specifier } = error as { readonly specifier: unknown }
  return typeof specifier === "string" && /^[@a-z]/.test(specifier)
    ? specifier
        .split("/")
        .slice(0, specifier.startsWith("@") ? 2 : 1)
        .join("/")
    : undefined
}
