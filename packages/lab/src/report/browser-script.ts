/** The code of a page as one script. */

/**
 * Bundles an entry file for a browser; the text may stand in a script element.
 *
 * @param entry its path
 */
export const browserScript = async (entry: string): Promise<string> => {
  const { outputs } = await Bun.build({ entrypoints: [entry], target: "browser", format: "iife", minify: true })
  const code = await outputs[0]!.text()
  return code.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--")
}
