import type { Readable } from 'node:stream'
import yauzl from 'yauzl'
import type { Layout } from './mapping.ts'
import { Unreadable } from './report.ts'
import type { RowSink } from './text-reader.ts'
import { elementsIn, findOpening, openings, withoutElements } from './xml-scan.ts'

// A reader for the one thing needed here: the cell values of one sheet, row by row, within limits.

const UNPACKED_BYTES_MAX = 512 * 2 ** 20
const SHARED_BYTES_MAX = 64 * 2 ** 20
const ENTRIES_MAX = 200
/** A large register packs to about a fifteenth; what packs far better repeats itself to waste our time. */
const RATIO_MAX = 100
const RATIO_FROM_BYTES = 2 ** 20
const ROW_CHARS_MAX = 262_144

type XlsxMapping = Extract<Layout, { format: 'xlsx' }>

const damaged = (): Unreadable => new Unreadable({ line: 0, code: 'not_a_workbook' })
const tooLarge = (): Unreadable => new Unreadable({ line: 0, code: 'unpacked_too_large' })

interface Archive {
  readonly names: readonly string[]
  /** Decoded text in pieces; stops beyond the limit whatever the directory claims. */
  text(name: string, bytesMax: number): AsyncGenerator<string>
  close(): void
}

async function openArchive(path: string): Promise<Archive> {
  const zip = await new Promise<yauzl.ZipFile>((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: false, validateEntrySizes: true }, (error, file) =>
      file ? resolve(file) : reject(error),
    )
  }).catch(() => {
    throw damaged()
  })
  const entries = new Map<string, yauzl.Entry>()
  try {
    await new Promise<void>((resolve, reject) => {
      let total = 0
      zip.on('entry', (entry: yauzl.Entry) => {
        total += entry.uncompressedSize
        const isBomb = entry.uncompressedSize > RATIO_FROM_BYTES && entry.uncompressedSize > RATIO_MAX * entry.compressedSize
        // Of two files under one name readers would choose differently.
        if (entries.has(entry.fileName)) return reject(damaged())
        if (total > UNPACKED_BYTES_MAX || entries.size >= ENTRIES_MAX || isBomb) return reject(tooLarge())
        entries.set(entry.fileName, entry)
        zip.readEntry()
      })
      zip.once('end', resolve)
      zip.once('error', () => reject(damaged()))
      zip.readEntry()
    })
  } catch (error) {
    zip.close()
    throw error
  }
  return {
    names: [...entries.keys()],
    close: () => zip.close(),
    async *text(name, bytesMax) {
      const entry = entries.get(name)
      if (!entry) throw damaged()
      const stream = await new Promise<Readable>((resolve, reject) =>
        zip.openReadStream(entry, (error, s) => (s ? resolve(s) : reject(error))),
      ).catch(() => {
        throw damaged()
      })
      const decoder = new TextDecoder('utf-8')
      let bytes = 0
      try {
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          bytes += chunk.length
          if (bytes > bytesMax) throw tooLarge()
          yield decoder.decode(chunk, { stream: true })
        }
      } catch (error) {
        throw error instanceof Unreadable ? error : damaged()
      }
    },
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const unescapeXml = (text: string): string =>
  text.includes('&')
    ? text.replace(/&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(\w{2,4}));/g, (all, hex, dec, name) => {
        if (name) return ENTITIES[name] ?? all
        const code = Number.parseInt(hex ?? dec, hex ? 16 : 10)
        return code <= 0x10ffff ? String.fromCodePoint(code) : '\uFFFD'
      })
    : text

/** Text of a string item: its runs joined, phonetic hints left out. */
const textOf = (xml: string): string => {
  if (xml.startsWith('<t>') && xml.indexOf('<', 3) === xml.length - 4) return unescapeXml(xml.slice(3, -4))
  let out = ''
  for (const { inner } of elementsIn(withoutElements(xml, 'rPh'), 't')) out += inner
  return unescapeXml(out)
}

async function readAll(archive: Archive, name: string, bytesMax: number): Promise<string> {
  let all = ''
  for await (const piece of archive.text(name, bytesMax)) all += piece
  return all
}

/** Yields each complete element `<tag …>…</tag>` of a large document. */
async function* elements(
  pieces: AsyncIterable<string>,
  tag: string,
  lineNow = () => -1,
): AsyncGenerator<{ attributes: string; inner: string }> {
  const close = `</${tag}>`
  let held = ''
  for await (const piece of pieces) {
    held += piece
    let at = 0
    for (;;) {
      const found = findOpening(held, tag, at)
      if (found?.end === undefined) {
        at = found?.start ?? Math.max(at, held.lastIndexOf('<'))
        break
      }
      const { attributes, isEmpty, start, end } = found
      if (isEmpty) {
        yield { attributes, inner: '' }
        at = end
        continue
      }
      const stop = held.indexOf(close, end)
      if (stop < 0) {
        at = start
        break
      }
      yield { attributes, inner: held.slice(end, stop) }
      at = stop + close.length
    }
    held = held.slice(Math.max(at, 0))
    if (held.length > ROW_CHARS_MAX + piece.length) throw new Unreadable({ line: lineNow() + 1, code: 'line_too_long' })
  }
}

const attribute = (attributes: string, name: string): string | undefined => {
  const match = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)
  return match ? unescapeXml(match[1]!) : undefined
}

async function sheetPath(archive: Archive, title: string): Promise<string> {
  const workbook = await readAll(archive, 'xl/workbook.xml', 2 ** 20)
  const relations = await readAll(archive, 'xl/_rels/workbook.xml.rels', 2 ** 20)
  const sheet = openings(workbook, 'sheet').find(({ attributes }) => attribute(attributes, 'name') === title)
  if (!sheet) throw new Unreadable({ line: 0, code: 'sheet_missing', expected: title })
  const id = attribute(sheet.attributes, 'r:id')
  const relation = openings(relations, 'Relationship').find(({ attributes }) => attribute(attributes, 'Id') === id)
  const target = relation && attribute(relation.attributes, 'Target')
  if (!target) throw damaged()
  return target.startsWith('/') ? target.slice(1) : `xl/${target}`
}

async function readShared(archive: Archive): Promise<string[]> {
  const shared: string[] = []
  if (!archive.names.includes('xl/sharedStrings.xml')) return shared
  for await (const item of elements(archive.text('xl/sharedStrings.xml', SHARED_BYTES_MAX), 'si')) shared.push(textOf(item.inner))
  return shared
}

const columnIndex = (reference: string): number => {
  let index = 0
  for (const letter of reference) {
    const value = letter.charCodeAt(0) - 64
    if (value < 1 || value > 26) break
    index = index * 26 + value
  }
  return index - 1
}

/** Spreadsheets keep binary fractions: 44.699999999999996 was typed as 44.7; fifteen digits are what they show. */
const numberText = (text: string): string => (text.length > 15 || /e/i.test(text) ? String(Number(Number(text).toPrecision(15))) : text)

interface RowCells {
  readonly cells: string[]
  /** Indexes of cells that hold a formula. */
  readonly formulas: number[]
}

function readCells(xml: string, shared: readonly string[], columns: number): RowCells {
  const cells: string[] = []
  const formulas: number[] = []
  let next = 0
  for (const { attributes, inner } of elementsIn(xml, 'c')) {
    const reference = attribute(attributes, 'r')
    const index = reference ? columnIndex(reference) : next
    next = index + 1
    if (index < 0 || index >= columns + 20) continue
    while (cells.length < index) cells.push('')
    const kind = attribute(attributes, 't')
    const [v] = elementsIn(inner, 'v')
    const value = v?.inner ?? ''
    if (/<f[\s>/]/.test(inner)) formulas.push(index)
    if (kind === 's') cells[index] = shared[Number(value)] ?? '\uFFFD'
    else if (kind === 'inlineStr') cells[index] = textOf(inner)
    else if (kind === undefined || kind === 'n') cells[index] = numberText(value)
    else cells[index] = unescapeXml(value)
  }
  while (cells.length > columns && cells.at(-1) === '') cells.pop()
  return { cells, formulas }
}

/** Streams one sheet of a workbook into the sink. */
export async function readXlsx(path: string, m: XlsxMapping, sink: RowSink): Promise<void> {
  const archive = await openArchive(path)
  try {
    const shared = await readShared(archive)
    let line = 0
    let isTrailerSeen = false
    let sinceDrain = 0
    for await (const row of elements(archive.text(await sheetPath(archive, m.sheet), UNPACKED_BYTES_MAX), 'row', () => line)) {
      line = Number(attribute(row.attributes, 'r') ?? line + 1)
      const { cells, formulas } = readCells(row.inner, shared, m.columns.length)
      if (cells.every(cell => cell === '')) continue
      const text = cells.join('\t')
      if (isTrailerSeen) sink.fault({ line, code: 'rows_after_trailer' })
      else if (m.has_header && line === m.first_data_row - 1) sink.header(cells, line)
      else if (line < m.first_data_row) continue
      else if (m.trailer && text.startsWith(m.trailer.prefix)) {
        isTrailerSeen = true
        sink.record('trailer', text, line)
      } else if (formulas.length > 0) sink.fault({ line, column: formulas[0]! + 1, code: 'formula' })
      else if (text.includes('\uFFFD')) sink.fault({ line, column: cells.findIndex(cell => cell.includes('\uFFFD')) + 1, code: 'encoding' })
      else {
        while (cells.length < m.columns.length) cells.push('')
        sink.row(cells, line)
      }
      if (++sinceDrain % 1_000 === 0) await sink.drain()
    }
    if (m.trailer && !isTrailerSeen) sink.fault({ line, code: 'trailer_missing' })
    await sink.drain()
  } finally {
    archive.close()
  }
}
