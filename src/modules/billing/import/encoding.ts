import { open } from 'node:fs/promises'

const HEAD_BYTES = 65_536
const ZIP_MARK = Buffer.from('PK\x03\x04', 'latin1')

const fits = (bytes: Buffer, encoding: string): boolean => {
  try {
    new TextDecoder(encoding, { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

/** What the beginning of a file seems to be written in; undefined where nothing speaks for one or the other. */
export async function guessEncoding(path: string): Promise<'UTF-8' | 'UTF-16' | 'GB18030' | 'ZIP' | undefined> {
  const file = await open(path)
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    const head = buffer.subarray(0, bytesRead)
    // Whole lines only: a character may be cut in two at the end.
    const whole = head.subarray(0, bytesRead === HEAD_BYTES ? head.lastIndexOf(10) + 1 : bytesRead)
    const mark = head.length >= 2 ? head.readUInt16BE(0) : 0
    if (head.subarray(0, 4).equals(ZIP_MARK)) return 'ZIP'
    if (mark === 0xfeff || mark === 0xfffe) return 'UTF-16'
    if (whole.every(byte => byte < 0x80)) return undefined
    if (fits(whole, 'utf-8')) return 'UTF-8'
    return fits(whole, 'gb18030') ? 'GB18030' : undefined
  } finally {
    await file.close()
  }
}
