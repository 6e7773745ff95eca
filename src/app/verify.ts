import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import {
  decodeBase64,
  openCheckpoint,
  parseReceipt,
  parseVkey,
  RECEIPT_FORMAT,
  type ReceiptBundle,
  receiptText,
  verifierOf,
  verifyBundle,
} from '#engines/hashtree/index.ts'
import type { Lang } from '#kernel/context.ts'
import { verdictLines } from './verify-words.ts'

// Checks receipts and checkpoints without network or database, against keys from a file the verifier keeps.

const FILE_BYTES_MAX = 20_000_000
const RECEIPT_MARK = '%YIMEN-RECEIPT '
const DIGEST_MARK = '%YIMEN-DIGEST '
const NO_RECEIPT_FILE = 'this is not a receipt file, nor a checkpoint'
/** A signature line, which every checkpoint ends with and hardly any other text. */
const SIGNED = /\n\n— \S+ \S+\n/u

export type Verdict =
  | {
      readonly valid: true
      readonly origin: string
      /** Size of the signed tree the answer is true for. */
      readonly checkpoint: number
      /** The sealed entry; absent when the file is a checkpoint by itself. */
      readonly entry?: Readonly<Record<string, unknown>>
      readonly index?: number
    }
  | { readonly valid: false; readonly why: string }

/** Keys this installation has pinned for itself; a copy kept elsewhere proves more. */
export const pinnedKeysFile = (config: { readonly dataDir: string }): string => join(config.dataDir, 'keys', 'trail.vkey')

/** The command was called with something unusable: no file, no keys. */
export class WrongUse extends Error {}

/**
 * A PDF that carries its receipt: two comment lines and a repeated trailer after the document, which readers skip.
 * The digest line finds any change to the file, by accident or by hand; what is proved is the entry, whose words the
 * verifier prints for comparison with the page. Throws TypeError for something that is no finished PDF or has a receipt.
 */
export function embedReceipt(pdf: Buffer, bundle: ReceiptBundle): Buffer {
  const tail = pdf.subarray(-2_048).toString('latin1')
  const trailer = /startxref\s+(\d+)\s+%%EOF\s*$/.exec(tail)
  if (!pdf.subarray(0, 5).equals(Buffer.from('%PDF-')) || !trailer) throw new TypeError('not a finished PDF')
  if (pdf.includes(RECEIPT_MARK)) throw new TypeError('the PDF carries a receipt already')
  const body = Buffer.concat([pdf, Buffer.from(`\n${RECEIPT_MARK}${Buffer.from(receiptText(bundle)).toString('base64')}\n`)])
  const digest = createHash('sha256').update(body).digest('base64')
  return Buffer.concat([body, Buffer.from(`${DIGEST_MARK}${digest}\nstartxref\n${trailer[1]}\n%%EOF\n`)])
}

/** Receipt out of a PDF; undefined when there is none or any byte of the file is not as `embedReceipt` left it. */
export function extractReceipt(pdf: Buffer): ReceiptBundle | undefined {
  const at = pdf.lastIndexOf(`\n${RECEIPT_MARK}`)
  if (at < 0) return undefined
  const end = pdf.indexOf('\n', at + 1)
  const text = decodeBase64(pdf.subarray(at + 1 + RECEIPT_MARK.length, end < 0 ? undefined : end).toString('latin1'))
  const bundle = text && parseReceipt(utf8(text) ?? '')
  if (!bundle) return undefined
  try {
    return embedReceipt(pdf.subarray(0, at), bundle).equals(pdf) ? bundle : undefined
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Judges the bytes of a receipt (JSON or PDF) or of a checkpoint note. */
export function judge(bytes: Buffer, vkeys: readonly string[]): Verdict {
  if (bytes.subarray(0, 5).equals(Buffer.from('%PDF-'))) {
    const bundle = extractReceipt(bytes)
    return bundle ? judgeBundle(bundle, vkeys) : { valid: false, why: 'the PDF carries no intact receipt' }
  }
  const text = utf8(bytes)
  if (text === undefined) return { valid: false, why: NO_RECEIPT_FILE }
  if (text.startsWith('{')) {
    const bundle = parseReceipt(text)
    if (!bundle && !text.includes(RECEIPT_FORMAT)) return { valid: false, why: NO_RECEIPT_FILE }
    return bundle ? judgeBundle(bundle, vkeys) : { valid: false, why: 'not an intact receipt' }
  }
  if (!SIGNED.test(text)) return { valid: false, why: NO_RECEIPT_FILE }
  const opened = openCheckpoint(text, vkeys.map(verifierOf))
  return opened.ok
    ? { valid: true, origin: opened.checkpoint.origin, checkpoint: opened.checkpoint.size }
    : { valid: false, why: opened.why }
}

function judgeBundle(bundle: ReceiptBundle, vkeys: readonly string[]): Verdict {
  const verdict = verifyBundle(bundle, vkeys)
  if (!verdict.ok) return { valid: false, why: verdict.why }
  const { origin, size } = verdict.checkpoint
  return { valid: true, origin, checkpoint: size, entry: verdict.entry, index: bundle.index }
}

/** Pinned keys: one verifier key a line, blank lines and lines after # ignored. Throws WrongUse for anything else. */
export function readKeys(keysFile: string): string[] {
  const lines = readLimited(keysFile)
    .toString('utf8')
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  if (lines.length === 0) throw new WrongUse(`${keysFile} names no key`)
  const bad = lines.find(line => !parseVkey(line))
  if (bad !== undefined) throw new WrongUse(`${keysFile}: not a verifier key: ${visible(bad.slice(0, 80))}`)
  return lines
}

function readLimited(path: string): Buffer {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw new WrongUse(`${path} is larger than ${FILE_BYTES_MAX} bytes`)
    return readFileSync(path)
  } catch (error) {
    if (error instanceof WrongUse) throw error
    throw new WrongUse(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`, { cause: error })
  }
}

/** Text from a file in a form a terminal only shows. */
const visible = (text: string): string => text.replace(/\p{C}/gu, sign => `\\u{${sign.codePointAt(0)!.toString(16)}}`)

/**
 * `yimen verify FILE`: prints the verdict and gives the exit code: 0 valid, 1 invalid, 2 wrong use.
 * With `json` one JSON document is printed instead of lines; those are in the language asked for.
 */
export function verifyFile(
  path: string,
  { keysFile, json = false, lang = 'en' }: { readonly keysFile: string; readonly json?: boolean; readonly lang?: Lang },
  print: (line: string) => void = line => process.stdout.write(`${line}\n`),
): 0 | 1 | 2 {
  try {
    const vkeys = readKeys(keysFile)
    const verdict = judge(readLimited(path), vkeys)
    if (json) print(JSON.stringify(verdict))
    else for (const line of verdictLines(verdict, lang)) print(visible(line))
    return verdict.valid ? 0 : 1
  } catch (error) {
    if (!(error instanceof WrongUse)) throw error
    print(json ? JSON.stringify({ error: error.message }) : visible(error.message))
    return 2
  }
}
