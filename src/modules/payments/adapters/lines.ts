import { StatementRefused } from '../ports.ts'
import { DAY_MS, dayStart } from './decimal.ts'

const CHUNK_BYTES = 256 * 1024
/** Longest line believed; a file without line ends must not eat the memory. */
const LINE_CHARACTERS_MAX = 64 * 1024

/** Decodes piece by piece, so that a large file never stands in memory as one text. Malformed bytes refuse the file. */
export function* decodeChunks(pieces: Iterable<Buffer>, encoding: 'utf-8' | 'gb18030'): Generator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  try {
    for (const piece of pieces)
      for (let at = 0; at < piece.length; at += CHUNK_BYTES) yield decoder.decode(piece.subarray(at, at + CHUNK_BYTES), { stream: true })
    yield decoder.decode()
  } catch (error) {
    if (error instanceof TypeError) throw new StatementRefused('encoding', 0, `not ${encoding}`)
    throw error
  }
}

/** Lines without their end (LF or CRLF) and without a byte order mark. An empty last line is not a line. */
export function* splitLines(chunks: Iterable<string>): Generator<string> {
  let rest = ''
  let isFirst = true
  for (const chunk of chunks) {
    let text = rest + chunk
    if (isFirst && text !== '') {
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1)
      isFirst = false
    }
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      yield withoutReturn(text.slice(start, end))
      start = end + 1
    }
    rest = text.slice(start)
    if (rest.length > LINE_CHARACTERS_MAX) throw new StatementRefused('line_too_long', 0, rest.slice(0, 40))
  }
  if (rest !== '') yield withoutReturn(rest)
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line)

/** A guard that refuses rows of other days than `day` ('YYYY-MM-DD', Asia/Shanghai); without a day it lets all pass. Throws RangeError on a day that is none. */
export function dayGuard(day: string | undefined): (at: Date, line: number) => void {
  if (day === undefined) return () => undefined
  const start = dayStart(day)
  if (start === undefined) throw new RangeError(`no such day: ${day}`)
  return (at, line) => {
    const ms = at.getTime() - start
    if (ms < 0 || ms >= DAY_MS) throw new StatementRefused('day', line, `row of another day than ${day}`)
  }
}
