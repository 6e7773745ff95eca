import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guessEncoding } from './encoding.ts'
import type { Layout } from './mapping.ts'
import { Faults, Unreadable } from './report.ts'
import { asInFile, checkHeader, readRecord, type Summary } from './row-mapper.ts'
import { type Cell, type RowSink, readText } from './text-reader.ts'
import { readXlsx } from './xlsx-reader.ts'

// What every declared file has in common: it is read once, row by row, and is whole and in agreement with itself or refused.

export const FILE_BYTES_MAX = 2 * 2 ** 30
const ROWS_MAX = 5_000_000
const CHUNK_BYTES = 262_144

export type Progressed = (done: { readonly bytes: number; readonly bytesTotal: number; readonly rows: number }) => void

export const faultOf = (...listed: Faults['listed']): Faults => {
  const faults = new Faults()
  for (const fault of listed) faults.add(fault)
  return faults
}

/** Puts a stream aside as a file, because its hash decides whether it is read at all. */
export async function withPutAside<T>(stream: AsyncIterable<Buffer> | Iterable<Buffer>, work: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'yimen-import-'))
  try {
    const path = join(folder, 'file')
    const file = await open(path, 'wx', 0o600)
    let bytes = 0
    try {
      for await (const chunk of stream) {
        bytes += chunk.length
        // One byte beyond the limit is enough for the size check to refuse the file.
        if (bytes > FILE_BYTES_MAX + chunk.length) break
        await file.writeFile(chunk)
      }
    } finally {
      await file.close()
    }
    return await work(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export interface DeclaredFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: Buffer
  readonly layout: Layout
  /** Columns something is read from. */
  readonly used: readonly string[]
  /** A day may pass without a row: then its header or its summary says that this is all. */
  readonly mayBeEmpty?: boolean
  readonly onProgress?: Progressed
}

export interface RowTaker {
  row(cells: readonly Cell[], line: number): void
  drain(): Promise<void>
  /** Of all rows so far, to compare with the file's own summary. */
  sumFen(): number
}

/** Reads a file to its end. Answers what is wrong with it: `faults`, or one fault that explains them all. */
export async function readRows(file: DeclaredFile, faults: Faults, taker: RowTaker): Promise<Faults> {
  const { layout } = file
  const summaries: Summary[] = []
  const used = new Set(file.used)
  let [bytes, rows] = [0, 0]
  let isHeaderSeen = false
  const sink: RowSink = {
    row(cells, line) {
      if (++rows > ROWS_MAX) throw new Unreadable({ line, code: 'too_many_rows', expected: String(ROWS_MAX) })
      taker.row(cells, line)
    },
    header(cells, line) {
      isHeaderSeen = true
      checkHeader(layout, used, cells, line, faults)
    },
    record(kind, text, line) {
      const summary = readRecord(layout[kind]!, kind, text, line, faults)
      if (summary) summaries.push(summary)
      else if (kind === 'header_record') throw new Unreadable(faults.listed.at(-1)!)
    },
    fault: fault => faults.add(fault),
    drain() {
      file.onProgress?.({ bytes: Math.min(bytes, file.bytes), bytesTotal: file.bytes, rows })
      return taker.drain()
    },
  }
  const hash = createHash('sha256')
  const onBytes = (count: number) => {
    bytes = count
  }
  try {
    if (layout.format === 'xlsx') await readXlsx(file.path, layout, sink)
    else await readText(hashed(file.path, hash, onBytes), layout, sink)
    if (layout.header_record && faults.count === 0 && summaries.length === 0) faults.add({ line: 1, code: 'header_record' })
    if (faults.count === 0) {
      const sha256 = layout.format === 'xlsx' ? await hashOf(file.path) : hash.digest()
      if (!sha256.equals(file.sha256)) faults.add({ line: 0, code: 'file_changed' })
      if (rows === 0 && !(file.mayBeEmpty && (isHeaderSeen || summaries.length > 0))) faults.add({ line: 0, code: 'no_rows' })
      checkSummaries(summaries, rows, taker.sumFen(), faults)
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    if (faults.listed.at(-1) !== error.fault) faults.add(error.fault)
  }
  return (await otherEncoding(file, faults)) ?? faults
}

/** A file in another encoding than agreed breaks everywhere; said once, in place of all that follows from it. */
async function otherEncoding({ path, layout }: DeclaredFile, faults: Faults): Promise<Faults | undefined> {
  if (layout.format === 'xlsx' || faults.count === 0) return undefined
  const found = await guessEncoding(path)
  if (found === 'ZIP') return faultOf({ line: 0, code: 'packed' })
  if (!('encoding' in layout) || !faults.listed.some(fault => fault.code === 'encoding' || fault.code === 'header_mismatch'))
    return undefined
  return found === undefined || found === layout.encoding
    ? undefined
    : faultOf({ line: 0, code: 'encoding', found, expected: layout.encoding })
}

function checkSummaries(summaries: readonly Summary[], rows: number, sumFen: number, faults: Faults): void {
  for (const { line, count, totalFen, unit } of summaries) {
    if (count !== undefined && count !== rows) faults.add({ line, code: 'record_count', found: String(count), expected: String(rows) })
    if (totalFen === undefined || totalFen === sumFen) continue
    // A hundred times too much or too little is no wrong sum but the other unit.
    const isOtherUnit = totalFen === sumFen * 100 || totalFen * 100 === sumFen
    const code = isOtherUnit ? 'record_unit' : 'record_total'
    faults.add({ line, code, found: asInFile(totalFen, unit), expected: `${asInFile(sumFen, unit)} ${unit}` })
  }
}

async function* hashed(path: string, hash: Hash, onBytes: (bytes: number) => void): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    bytes += chunk.length
    onBytes(bytes)
    yield chunk
  }
}

export async function hashOf(path: string): Promise<Buffer> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES * 4 })) hash.update(chunk)
  return hash.digest()
}
