import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32, deflateRawSync } from 'node:zlib'
import { mappingSchema } from '../import/mapping.ts'
import { Unreadable } from '../import/report.ts'
import type { Cell, RowSink } from '../import/text-reader.ts'
import { readXlsx } from '../import/xlsx-reader.ts'

const mapping = mappingSchema.parse({
  format: 'xlsx',
  sheet: 'S',
  has_header: false,
  first_data_row: 1,
  date_format: 'excel_date',
  columns: ['no', 'month', 'due', 'total'].map(name => ({ name, type: 'text', unit: 'yuan' })),
  bill: {
    account_no: 'no',
    bill_no: 'no',
    period: { column: 'month', format: 'yyyyMM' },
    due_on: 'due',
    lines: [{ item: 'x', name: 'x', amount: 'total' }],
  },
})

const BOOK = {
  'xl/workbook.xml': '<workbook><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
  'xl/_rels/workbook.xml.rels': '<Relationships><Relationship Id="r1" Target="worksheets/sheet1.xml"/></Relationships>',
}
const sheet = (rows: string) => ({ ...BOOK, 'xl/worksheets/sheet1.xml': `<worksheet><sheetData>${rows}</sheetData></worksheet>` })

/** A zip archive of deflated entries, byte by byte as APPNOTE.TXT lays it out. */
async function zip(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const [name, content] of Object.entries(files)) {
    const plain = Buffer.from(content)
    const packed = deflateRawSync(plain)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(8, 4)
    fields.writeUInt32LE(crc32(plain), 10)
    fields.writeUInt32LE(packed.length, 14)
    fields.writeUInt32LE(plain.length, 18)
    fields.writeUInt16LE(Buffer.byteLength(name), 22)
    const place = Buffer.alloc(14)
    place.writeUInt32LE(at, 10)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), packed])
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, place, Buffer.from(name)]))
    parts.push(local)
    at += local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(directory.length, 4)
  end.writeUInt16LE(directory.length, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(at, 12)
  return Buffer.concat([...parts, central, Buffer.from('PK\x05\x06', 'latin1'), end])
}

/** Rows of a workbook, or the code it is refused with. */
async function read(bytes: Buffer): Promise<(readonly Cell[])[] | string> {
  const folder = mkdtempSync(join(tmpdir(), 'yimen-xlsx-test-'))
  const rows: (readonly Cell[])[] = []
  const faults: string[] = []
  const sink: RowSink = {
    row: cells => rows.push([...cells]),
    header: () => undefined,
    record: () => undefined,
    fault: f => faults.push(f.code),
    drain: async () => undefined,
  }
  try {
    writeFileSync(join(folder, 'f'), bytes)
    assert.ok(mapping.format === 'xlsx')
    await readXlsx(join(folder, 'f'), mapping, sink)
    return faults[0] ?? rows
  } catch (error) {
    if (error instanceof Unreadable) return error.fault.code
    throw error
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('cells are read by place, kind and shown digits', async () => {
  const row =
    '<row r="1"><c r="A1" t="inlineStr"><is><r><t>a&amp;</t></r><r><t>&#x4E00;</t></r></is></c><c r="C1"><v>44.699999999999996</v></c><c r="D1" t="str"><v>=x</v></c></row>'
  assert.deepEqual(await read(await zip(sheet(row))), [['a&一', '', '44.7', '=x']])
  const shared = {
    ...sheet('<row><c t="s"><v>1</v></c></row>'),
    'xl/sharedStrings.xml': '<sst><si><t>zero</t></si><si><t xml:space="preserve"> one </t></si></sst>',
  }
  assert.deepEqual(await read(await zip(shared)), [[' one ', '', '', '']])
})

test('what is no workbook, or not the agreed one, is refused', async () => {
  assert.equal(await read(Buffer.from('用户编号,户名\n')), 'not_a_workbook')
  assert.equal(await read(await zip({ 'a.txt': 'x' })), 'not_a_workbook')
  assert.equal(await read(await zip({ ...sheet(''), 'xl/workbook.xml': BOOK['xl/workbook.xml'].replace('"S"', '"T"') })), 'sheet_missing')
  assert.equal(
    await read(await zip(sheet('<row r="1"><c r="A1" t="s"><v>7</v></c></row>'))),
    'encoding',
    'a string that is not in the table',
  )
})

test('a workbook that lies about a size, or holds one name twice, is refused', async () => {
  const honest = await zip(sheet(`<row r="1">${'<c r="A1"/>'.repeat(100_000)}</row>`))
  const lying = Buffer.from(honest)
  const entry = lying.lastIndexOf('PK\x01\x02', undefined, 'latin1')
  lying.writeUInt32LE(100, entry + 24)
  assert.equal(await read(lying), 'not_a_workbook')
  const twice = await zip({ ...sheet('<row/>'), 'xl/worksheets/sheet2.xml': '<worksheet/>' })
  for (let at = twice.indexOf('sheet2.xml'); at >= 0; at = twice.indexOf('sheet2.xml')) twice.write('sheet1.xml', at)
  assert.equal(await read(twice), 'not_a_workbook')
})

test('a workbook that unpacks beyond the limits is refused before it fills memory', async () => {
  const many = Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`f${i}`, '']))
  assert.equal(await read(await zip({ ...sheet(''), ...many })), 'unpacked_too_large')
  const noise = (bytes: number) => randomBytes(bytes / 2).toString('hex')
  assert.equal(await read(await zip(sheet(`<row r="1"><c r="A1"><v>${noise(2_000_000)}</v></c></row>`))), 'line_too_long')
  const bytes = Buffer.alloc(65 * 2 ** 20, 'x')
  assert.equal(await read(await zip({ ...sheet('<row/>'), 'xl/sharedStrings.xml': bytes })), 'unpacked_too_large', 'packed too well')
  const items = Buffer.alloc(66 * 2 ** 20, Array.from({ length: 1_000 }, () => `<si><t>${noise(1_000)}</t></si>`).join(''))
  const before = process.memoryUsage.rss()
  assert.equal(await read(await zip({ ...sheet('<row/>'), 'xl/sharedStrings.xml': items })), 'unpacked_too_large')
  assert.ok(process.memoryUsage.rss() - before < 600 * 2 ** 20)
})

test('tags that are never closed cost no more than their length', async () => {
  // As text that a reader trying every beginning to the end would need hours for.
  const many = (piece: string) => piece.repeat(40_000)
  const began = performance.now()
  const rows = async (inner: string) => read(await zip(sheet(inner)))
  for (const piece of ['<c>', '<c ']) assert.deepEqual(await rows(`<row r="1">${many(piece)}</row>`), [], piece)
  for (const piece of ['<v ', '<v>', '<t>', '<t ', '<rPh>', '<rPh ']) {
    const cells = `<c t="inlineStr"><is>${many(piece)}</is></c><c><v>1</v></c>`
    assert.deepEqual(await rows(`<row r="1">${cells}</row>`), [['', '1', '', '']], piece)
  }
  for (const piece of ['<row ', '<row>']) assert.deepEqual(await rows(many(piece)), [], piece)
  for (const piece of ['<sheet ', '<sheet>']) {
    const bytes = await zip({ ...sheet(''), 'xl/workbook.xml': `<workbook>${many(piece)}</workbook>` })
    assert.equal(await read(bytes), 'sheet_missing', piece)
  }
  assert.ok(performance.now() - began < 5_000, `${performance.now() - began} ms`)
})
