import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32, deflateRawSync } from 'node:zlib'
import { queryIn } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { ensureClient, signPush } from '#modules/billing/index.ts'
import { type Product, withProduct } from '../support/product.ts'
import { type Inspector, until, withInspector } from './support.ts'

const MIB = 2 ** 20
const TOOK_MS_MAX = 2_000
const GREW_BYTES_MAX = 150 * MIB

const BILLS = `
  select jsonb_build_object(
    'bills', (select count(*) from billing.bill), 'accounts', (select count(*) from billing.account),
    'batches', (select count(*) from billing.batch))::text as n`

interface Measured {
  /** Exit code of the command or status of the answer. */
  readonly code: number
  readonly took_ms: number
  readonly grew_bytes: number
}

async function isRefused(see: Inspector, name: string, codes: readonly number[], work: () => Promise<Measured>): Promise<string[]> {
  const text = async () => JSON.stringify((await see.rows(BILLS))[0])
  const [before, refusals] = [await text(), await see.refusals()]
  const { code, took_ms, grew_bytes } = await work()
  const isRecorded = await until('a refusal', async () => (await see.refusals()) === refusals + 1).catch(() => false)
  return [
    !codes.includes(code) && `${name} was answered ${code}`,
    took_ms > TOOK_MS_MAX && `${name} took ${Math.round(took_ms)} ms`,
    grew_bytes > GREW_BYTES_MAX && `${name} took ${Math.round(grew_bytes / MIB)} MiB`,
    (await text()) !== before && `${name} changed something`,
    !isRecorded && `${name} is not on the trail`,
  ].filter(text => text !== false)
}

interface Entry {
  readonly name: string
  readonly content: Buffer
  /** What the directory says instead of the true size. */
  readonly says?: number
}

/** A zip archive of deflated entries as APPNOTE.TXT lays it out. */
function zip(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const { name, content, says } of entries) {
    const packed = deflateRawSync(content)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(8, 4)
    fields.writeUInt32LE(crc32(content), 10)
    fields.writeUInt32LE(packed.length, 14)
    fields.writeUInt32LE(says ?? content.length, 18)
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

const SHEET = 'xl/worksheets/sheet1.xml'
const book = (sheet: Buffer | string, more: readonly Entry[] = [], says?: number): Buffer =>
  zip([
    { name: 'xl/workbook.xml', content: Buffer.from('<workbook><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>') },
    {
      name: 'xl/_rels/workbook.xml.rels',
      content: Buffer.from('<Relationships><Relationship Id="r1" Target="worksheets/sheet1.xml"/></Relationships>'),
    },
    { name: SHEET, content: Buffer.from(sheet), ...(says !== undefined && { says }) },
    ...more,
  ])

const layout = (format: object) => ({
  ...format,
  has_header: false,
  first_data_row: 1,
  columns: ['account', 'bill', 'month', 'due', 'total'].map(name => ({ name, type: 'text', unit: 'yuan' })),
  bill: {
    account_no: 'account',
    bill_no: 'bill',
    period: { column: 'month', format: 'yyyyMM' },
    due_on: 'due',
    total_amount: 'total',
    lines: [{ item: 'total', name: '水费', amount: 'total' }],
  },
})
const XLSX = layout({ format: 'xlsx', sheet: 'S', date_format: 'yyyyMMdd' })
const CSV = layout({ format: 'csv', encoding: 'GB18030', delimiter: ',', quote: '"', date_format: 'yyyyMMdd' })

const ROW = '1045333141,W1,202609,20261231,12.00\n'
const sheetRow = (cells: readonly string[]) =>
  `<row>${cells.map((cell, i) => `<c r="${'ABCDE'[i]}1" t="inlineStr"><is><t>${cell}</t></is></c>`).join('')}</row>`
const sheetOf = (rows: string) => `<worksheet><sheetData>${rows}</sheetData></worksheet>`
const GOOD = sheetRow(ROW.trim().split(','))
const bomb = (piece: string, bytes: number) => Buffer.alloc(bytes, piece)

/** File by file: what is wrong with it. Each is made only when its turn comes. */
const poisoned: Readonly<Record<string, () => [object, Buffer]>> = {
  'a sheet that unpacks to a hundred times its size': () => [XLSX, book(bomb('<row r="1"></row>', 120 * MIB))],
  'a sheet of one endless cell': () => [XLSX, book(Buffer.concat([Buffer.from('<row><c><v>'), bomb('9', 120 * MIB)]))],
  'a string table that unpacks to a hundred times its size': () => [
    XLSX,
    book(sheetOf(GOOD), [{ name: 'xl/sharedStrings.xml', content: bomb('<si><t>x</t></si>', 120 * MIB) }]),
  ],
  'an archive whose directory lies about the size': () => [XLSX, book(bomb('<row r="1"></row>', 120 * MIB), [], 1_000)],
  'a thousand entries': () => [
    XLSX,
    book(
      sheetOf(GOOD),
      Array.from({ length: 1_000 }, (_, i) => ({ name: `f${i}`, content: Buffer.from('x') })),
    ),
  ],
  'a workbook cut short': () => [XLSX, book(sheetOf(GOOD)).subarray(0, -200)],
  'a workbook with entities that grow': () => [
    XLSX,
    book(
      `<!DOCTYPE x [<!ENTITY a "${'9'.repeat(100)}"><!ENTITY b "&a;&a;&a;">]>${sheetOf(sheetRow(['&b;', 'W1', '202609', '20261231', '12.00']))}`,
    ),
  ],
  'a text file named as a workbook': () => [XLSX, Buffer.from(ROW)],
  'a workbook where text is agreed': () => [CSV, book(sheetOf(GOOD))],
  'UTF-16 where GB18030 is agreed': () => [CSV, Buffer.from(`\ufeff${ROW}`, 'utf16le')],
  'UTF-8 that is no GB18030': () => [CSV, Buffer.from(`${ROW}1078932884,户\u00e9,202609,20261231,12.00\n`)],
  'a file cut in the middle of a row': () => [CSV, Buffer.from(ROW + ROW.slice(0, 20))],
  'a quote that never ends': () => [CSV, Buffer.concat([Buffer.from(`${ROW}"`), bomb('9', 50 * MIB)])],
  'a line that never ends': () => [CSV, bomb('9', 120 * MIB)],
  'zeros only': () => [CSV, Buffer.alloc(50 * MIB)],
  noise: () => [CSV, randomBytes(5 * MIB)],
  'one bad row after ten thousand good ones': () => [
    CSV,
    Buffer.from(`${Array.from({ length: 10_000 }, (_, i) => ROW.replace('W1', `W${i}`)).join('')}1045333141,WX,202609,20261231,1e3\n`),
  ],
}

type Importer = (mapping: object, file: Buffer) => Promise<Measured>

/** The command in a process of its own, so that its memory is its own too. */
async function withImporter<T>(product: Product, work: (run: Importer) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'yimen-files-'))
  const child = fork(new URL('./second-process.ts', import.meta.url), ['import', product.kernel.connections.app], {
    execArgv: ['--expose-gc', '--import', './tools/tsx.mjs'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const answer = async () => (await once(child, 'message', { signal: AbortSignal.timeout(20_000) }))[0]
  const run: Importer = async (mapping, file) => {
    const [at, layoutAt] = [join(folder, 'bills'), join(folder, 'mapping.json')]
    writeFileSync(at, file)
    writeFileSync(layoutAt, JSON.stringify(mapping))
    child.send(['bills', '--biller', 'water', '--mapping', layoutAt, '--json', at])
    return answer()
  }
  try {
    await answer()
    return await work(run)
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

test(
  'poisoned bill files are refused whole within two seconds and 150 MiB, and the good one after them is taken',
  { timeout: 120_000 },
  () =>
    withProduct(product =>
      withInspector(product, see =>
        withImporter(product, async run => {
          const good = book(sheetOf(GOOD))
          const faults: string[] = []
          // Warm: what is measured is the file, not the first use of a connection.
          await isRefused(see, 'an empty file', [1], () => run(CSV, Buffer.alloc(0)))
          for (const [name, make] of Object.entries(poisoned)) faults.push(...(await isRefused(see, name, [1], () => run(...make()))))
          assert.deepEqual(faults, [])
          assert.equal((await run(XLSX, good)).code, 0)
          assert.equal(await see.count('select count(*)::int as n from billing.bill'), 1)
        }),
      ),
    ),
)

test('pushed bodies that are too large, broken or half good are refused whole; a thousand bills are taken', { timeout: 60_000 }, () =>
  withProduct(product =>
    withInspector(product, async see => {
      const client = { clientId: 'water-test', secret: 'a shared secret of forty characters, made' }
      unwrap(await ensureClient(product.ctx, { ...client, billerId: 'water', purpose: 'push' }))
      const { columns: _, ...rest } = layout({ format: 'json', date_format: 'yyyyMMdd' })
      const mapping = { ...rest, has_header: undefined, first_data_row: undefined, columns: layout({}).columns }
      await queryIn(product.kernel, `update billing.biller set config = jsonb_set(config, '{mappings}', $1) where id = 'water'`, [
        JSON.stringify({ bills: JSON.parse(JSON.stringify(mapping)) }),
      ])
      const push = async (body: Buffer | string): Promise<number> => {
        const [timestamp, nonce] = [String(Math.floor(Date.now() / 1000)), randomBytes(12).toString('hex')]
        const headers = {
          'content-type': 'application/json',
          'x-client-id': client.clientId,
          'x-timestamp': timestamp,
          'x-nonce': nonce,
          'x-signature': signPush(client.secret, 'POST', '/push/water/bills', timestamp, nonce, body),
        }
        const answer = await fetch(`${product.url}/push/water/bills`, {
          method: 'POST',
          headers,
          body: new Uint8Array(Buffer.from(body)),
        }).catch(() => undefined)
        // A body too long may be cut off while it is still being sent.
        return answer?.status ?? 413
      }
      const bill = (n: number, total = '12.00') => ({ account: '1045333141', bill: `P${n}`, month: '202609', due: '20261231', total })
      const bills = (count: number) => ({ bills: Array.from({ length: count }, (_, i) => bill(i)) })
      const bad: [string, () => Buffer | string][] = [
        ['three megabytes', () => JSON.stringify({ bills: [bill(1)], pad: 'x'.repeat(3 * MIB) })],
        ['ten megabytes of brackets', () => bomb('[', 10 * MIB)],
        ['two megabytes of brackets', () => bomb('[', 2 * MIB - 1)],
        ['more bills than agreed', () => JSON.stringify({ bills: Array.from({ length: 5_000 }, () => ({})) })],
        ['no JSON', () => 'PK\x03\x04'],
        ['UTF-16', () => Buffer.from(JSON.stringify(bills(1)), 'utf16le')],
        ['one bad bill among a hundred good ones', () => JSON.stringify({ bills: [...bills(100).bills, bill(101, '1e3')] })],
        ['an amount with three decimals', () => JSON.stringify({ bills: [bill(1, '1.005')] })],
      ]
      for (const [name, make] of bad) {
        const body = make()
        const work = async () => {
          const [before, began] = [process.memoryUsage.rss(), performance.now()]
          const code = await push(body)
          return { code, took_ms: performance.now() - began, grew_bytes: process.memoryUsage.rss() - before }
        }
        assert.deepEqual(await isRefused(see, name, [400, 413, 422], work), [])
      }
      assert.equal(await push(JSON.stringify(bills(1_000))), 200)
      assert.equal(await see.count('select count(*)::int as n from billing.bill'), 1_000)
    }),
  ),
)
