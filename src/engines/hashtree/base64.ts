/** Decodes standard base 64; undefined for any spelling other than the canonical one, so that no bit of a proof is free. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
