import iconv from 'iconv-lite'
import type { Layout, RecordLine } from './mapping.ts'
import { Unreadable } from './report.ts'

export type Cell = string | readonly unknown[]

/** Receives what a file holds, in order. `drain` is awaited between blocks: the writer's back-pressure. */
export interface RowSink {
  row(cells: readonly Cell[], line: number): void
  header(cells: readonly string[], line: number): void
  record(kind: 'header_record' | 'trailer', text: string, line: number): void
  fault(fault: Unreadable['fault']): void
  drain(): Promise<void>
}

const LINE_CHARS_MAX = 65_536
const NEWLINE = 10
const NOWHERE = Number.MAX_SAFE_INTEGER

const nextOf = (text: string, wanted: string, from: number): number => {
  const at = text.indexOf(wanted, from)
  return at < 0 ? NOWHERE : at
}

type TextMapping = Exclude<Layout, { format: 'xlsx' }>

/** Decodes whole lines at a time: a newline byte is never part of a longer character in UTF-8 or GB18030. */
async function* decodedBlocks(chunks: AsyncIterable<Buffer>, encoding: 'UTF-8' | 'GB18030', lineNow: () => number): AsyncGenerator<string> {
  // The built-in decoder of GB18030 is three times as fast as iconv-lite; both mark broken bytes by U+FFFD.
  const gb18030 = new TextDecoder('gb18030')
  const decode = (bytes: Buffer): string => (encoding === 'UTF-8' ? bytes.toString('utf8') : gb18030.decode(bytes))
  let held: Buffer[] = []
  let heldBytes = 0
  for await (const chunk of chunks) {
    const cut = chunk.lastIndexOf(NEWLINE)
    if (cut < 0) {
      held.push(chunk)
      heldBytes += chunk.length
      // A line of this many bytes has at least a quarter as many characters.
      if (heldBytes > LINE_CHARS_MAX * 4) throw new Unreadable({ line: lineNow() + 1, code: 'line_too_long' })
      continue
    }
    yield decode(Buffer.concat([...held, chunk.subarray(0, cut + 1)]))
    const rest = chunk.subarray(cut + 1)
    held = rest.length > 0 ? [rest] : []
    heldBytes = rest.length
  }
  if (heldBytes > 0) yield decode(Buffer.concat(held))
}

interface Quoted {
  readonly cells: string[]
  /** Index after the line end; undefined when the record goes on beyond the text. */
  readonly next: number | undefined
  readonly isBroken: boolean
}

/** One record with quotes, RFC 4180: doubled quotes inside, line ends allowed inside quotes. */
function readQuoted(text: string, from: number, delimiter: string, quote: string): Quoted {
  const cells: string[] = []
  let at = from
  for (;;) {
    let cell = ''
    if (text[at] === quote) {
      for (at++; ; ) {
        const end = text.indexOf(quote, at)
        if (end < 0) return { cells, next: undefined, isBroken: false }
        cell += text.slice(at, end)
        at = end + 1
        if (text[at] !== quote) break
        cell += quote
        at++
      }
    } else {
      const begin = at
      while (at < text.length && text[at] !== delimiter && text[at] !== '\n') at++
      cell = text.slice(begin, at)
      if (cell.endsWith('\r') && text[at] === '\n') cell = cell.slice(0, -1)
      if (cell.includes(quote)) return { cells, next: undefined, isBroken: true }
    }
    cells.push(cell)
    if (text[at] === delimiter) {
      at++
      continue
    }
    if (text[at] === '\r' && text[at + 1] === '\n') at++
    if (at >= text.length) return { cells, next: undefined, isBroken: false }
    return text[at] === '\n' ? { cells, next: at + 1, isBroken: false } : { cells, next: undefined, isBroken: true }
  }
}

const isRecord = (record: RecordLine | undefined, text: string): boolean => record !== undefined && text.startsWith(record.prefix)

/** Cuts lines into cells as the format says. */
function splitter(m: TextMapping): (text: string, line: number, sink: RowSink) => readonly Cell[] | undefined {
  if (m.format === 'csv') return text => text.split(m.delimiter)
  if (m.format === 'fixed_width') {
    const end = Math.max(...m.columns.map(c => c.start! + c.width! - 1))
    const spans = m.columns.map(c => [c.start! - 1, c.start! - 1 + c.width!] as const)
    const encode = (text: string): Buffer => (m.encoding === 'UTF-8' ? Buffer.from(text) : iconv.encode(text, 'gb18030'))
    const decode = (bytes: Buffer): string => (m.encoding === 'UTF-8' ? bytes.toString('utf8') : iconv.decode(bytes, 'gb18030'))
    return (text, line, sink) => {
      const isAscii = /^[\x00-\x7f]*$/.test(text)
      const bytes = isAscii ? undefined : encode(text)
      if ((bytes ?? text).length !== end) {
        sink.fault({ line, code: 'column_count', found: String((bytes ?? text).length), expected: String(end) })
        return undefined
      }
      return spans.map(([from, to]) => (bytes ? decode(bytes.subarray(from, to)) : text.slice(from, to)).trimEnd())
    }
  }
  return (text, line, sink) => {
    const row = parseObject(text)
    if (!row) {
      sink.fault({ line, code: 'json' })
      return undefined
    }
    return m.columns.map(c => {
      const value = row[c.name]
      return Array.isArray(value) ? value : value === undefined || value === null ? '' : typeof value === 'object' ? '{}' : String(value)
    })
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Streams a text file (CSV, fixed width, JSON lines) into the sink; memory is bounded by one block and one line. */
export async function readText(chunks: AsyncIterable<Buffer>, m: TextMapping, sink: RowSink): Promise<void> {
  const split = splitter(m)
  const quote = m.format === 'csv' ? m.quote : undefined
  const firstDataRow = m.format === 'json' ? 1 : m.first_data_row
  const headerRow = m.format === 'csv' && m.has_header ? firstDataRow - 1 : 0
  const encoding = m.format === 'json' ? 'UTF-8' : m.encoding
  let line = 0
  let rest = ''
  let isTrailerSeen = false

  const take = (cells: readonly Cell[], text: string): void => {
    if (text === '' && cells.length <= 1) return
    if (isTrailerSeen) sink.fault({ line, code: 'rows_after_trailer' })
    else if (line === headerRow) sink.header(cells as string[], line)
    else if (line < firstDataRow) {
      if (line === 1 && m.header_record) sink.record('header_record', text, line)
    } else if (isRecord(m.trailer, text)) {
      isTrailerSeen = true
      sink.record('trailer', text, line)
    } else sink.row(cells, line)
  }

  const takeLine = (text: string): void => {
    if (text.length > LINE_CHARS_MAX) throw new Unreadable({ line, code: 'line_too_long' })
    if (text.includes('\uFFFD')) sink.fault({ line, code: 'encoding', column: columnOf(text, m) })
    else if (text === '' || line < firstDataRow || isRecord(m.trailer, text)) take(m.format === 'csv' ? text.split(m.delimiter) : [], text)
    else {
      const cells = split(text, line, sink)
      if (cells) take(cells, text)
    }
  }

  /** Answers where the unfinished record begins. */
  const takeBlock = (text: string): number => {
    let at = 0
    let quoteAt = -1
    for (;;) {
      const end = text.indexOf('\n', at)
      if (end < 0) return at
      // Looked for once, not line by line: a block without quotes would be searched to its end for every line.
      if (quoteAt < at) quoteAt = quote === undefined ? NOWHERE : nextOf(text, quote, at)
      if (quote === undefined || quoteAt > end) {
        line++
        takeLine(text.slice(at, text.charCodeAt(end - 1) === 13 && end > at ? end - 1 : end))
        at = end + 1
        continue
      }
      const record = readQuoted(text, at, (m as { delimiter: string }).delimiter, quote)
      if (record.isBroken || (record.next === undefined && text.length - at > LINE_CHARS_MAX))
        throw new Unreadable({ line: line + 1, code: 'quote' })
      if (record.next === undefined) return at
      const raw = text.slice(at, record.next)
      line++
      if (raw.includes('\uFFFD')) sink.fault({ line, code: 'encoding' })
      else take(record.cells, raw)
      line += raw.split('\n').length - 2
      at = record.next
    }
  }

  for await (const block of decodedBlocks(chunks, encoding, () => line)) {
    const text = rest + (line === 0 && rest === '' && block.startsWith('\uFEFF') ? block.slice(1) : block)
    rest = text.slice(takeBlock(text))
    await sink.drain()
  }
  if (rest !== '') {
    if (quote && rest.includes(quote)) throw new Unreadable({ line: line + 1, code: 'quote' })
    line++
    // Without a summary record only the line end tells that the last row is whole.
    if (!m.trailer && m.format !== 'json') sink.fault({ line, code: 'no_final_newline' })
    else takeLine(rest.endsWith('\r') ? rest.slice(0, -1) : rest)
  }
  if (m.trailer && !isTrailerSeen) sink.fault({ line, code: 'trailer_missing' })
  await sink.drain()
}

const columnOf = (text: string, m: TextMapping): number =>
  m.format === 'csv' ? text.slice(0, text.indexOf('\uFFFD')).split(m.delimiter).length : 1
