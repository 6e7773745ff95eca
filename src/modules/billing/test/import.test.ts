import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import iconv from 'iconv-lite'
import { systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { type TestKernel, withTestDb } from '#kernel/db/testing.ts'
import { holderCell } from '../import/stage.ts'
import { importBills } from '../index.ts'
import { HEADER, ROW_A, ROW_B, ROW_C, registerWater, take, traces, waterConfig } from './import-support.ts'

const gb = (text: string): Buffer => iconv.encode(text, 'gb18030')
const NOTHING = { bills: 0, accounts: 0, batches: 0, staged: 0, events: 0 }

let kernel: TestKernel
let finish: () => void
let finished: Promise<unknown>

before(async () => {
  await new Promise<void>((resolve, reject) => {
    finished = withTestDb(async k => {
      kernel = k
      await registerWater(k)
      resolve()
      await new Promise<void>(done => {
        finish = done
      })
    })
    finished.catch(reject)
  })
})
after(async () => {
  finish()
  await finished
})

/** A tenant's tables cannot be emptied by the application, so each test that writes gets a database of its own. */
const fresh = (work: (k: TestKernel) => Promise<void>) => () =>
  withTestDb(async k => {
    await registerWater(k)
    await work(k)
  })

async function refuses(bytes: Buffer, code: string, line: number, column?: number): Promise<void> {
  const report = await take(kernel, bytes)
  assert.equal(report.outcome, 'refused')
  const first = report.errors[0]!
  assert.deepEqual([first.code, first.line, first.column], [code, line, column])
  assert.deepEqual(await traces(kernel), NOTHING)
}

test(
  'a good file becomes accounts, bills, one batch and one event',
  fresh(async k => {
    const report = await take(k, gb(HEADER + ROW_A + ROW_B + ROW_C))
    assert.deepEqual(
      [report.outcome, report.rows, report.newBills, report.newAccounts, report.totalFen],
      ['imported', 3, 3, 3, 7_440 + 3_720 + 15_876],
    )
    assert.deepEqual(await traces(k), { bills: 3, accounts: 3, batches: 1, staged: 0, events: 1 })
    const row = await k.db.read(1, tx =>
      tx.one<{
        id: string
        holder_mask: string
        holder_sealed: Buffer
        address_mask: string
        lines: unknown
        code: string
        period_from: string
        due_on: string
      }>(sql`
      select a.id, a.holder_mask, a.holder_sealed, a.address_mask, b.lines, b.code, b.period_from, b.due_on from billing.bill b
      join billing.account a on a.tenant_id = b.tenant_id and a.id = b.account_id where b.tenant_id = 1 and b.bill_no = 'W2'`),
    )
    assert.equal(k.vault.open(1, holderCell(row.id), row.holder_sealed), '示例户乙（二层,西侧）')
    assert.deepEqual([row.holder_mask, row.address_mask, row.period_from, row.due_on], ['示**', '柳湾新村***', '2026-07', '2026-09-30'])
    assert.deepEqual(row.lines, [
      { item: 'water', name: '水费', amount_fen: 2_580 },
      { item: 'sewage', name: '污水处理费', amount_fen: 1_140 },
    ])
    assert.match(row.code, /^[0-9a-hjkmnp-tv-z]{26}$/)
  }),
)

test(
  'the same file again changes nothing, also when two copies arrive together',
  fresh(async k => {
    const bytes = gb(HEADER + ROW_A)
    const both = await Promise.all([take(k, bytes), take(k, bytes)])
    assert.deepEqual(both.map(r => r.outcome).sort(), ['imported', 'unchanged'])
    assert.equal((await take(k, bytes)).outcome, 'unchanged')
    assert.deepEqual(await traces(k), { bills: 1, accounts: 1, batches: 1, staged: 0, events: 1 })
  }),
)

test(
  'a dry run finds everything and changes nothing',
  fresh(async k => {
    const report = await take(k, gb(HEADER + ROW_A + ROW_B), { dryRun: true })
    assert.deepEqual([report.outcome, report.newBills, report.newAccounts], ['checked', 2, 2])
    assert.deepEqual(await traces(k), NOTHING)
  }),
)

test(
  'known bills are skipped when equal and refuse the file when not',
  fresh(async k => {
    await take(k, gb(HEADER + ROW_A))
    const more = await take(k, gb(HEADER + ROW_A + ROW_B + ROW_B))
    assert.deepEqual([more.outcome, more.newBills, more.sameBills], ['imported', 1, 2])
    const clash = await take(k, gb(HEADER + ROW_C + ROW_A.replace('51.60,22.80,74.40', '51.60,22.90,74.50')))
    assert.deepEqual(
      [clash.outcome, clash.errorCount, clash.errors[0]?.code, clash.errors[0]?.line],
      ['refused', 1, 'duplicate_conflict', 3],
    )
    assert.equal((await traces(k)).bills, 2)
  }),
)

test(
  'a row that repeats another of its own file is warned of, the first is not; another period or amount is no repetition',
  fresh(async k => {
    const other = ROW_A.replace('202607-202608', '202609-202610').replace('W1', 'W7')
    const dearer = ROW_A.replace('51.60,22.80,74.40', '51.60,22.90,74.50').replace('W1', 'W8')
    assert.equal((await take(k, gb(HEADER + ROW_A + ROW_B + other + dearer), { dryRun: true })).warningCount, 0)
    const report = await take(k, gb(HEADER + ROW_A + ROW_B + other + ROW_A.replace('W1', 'W9')))
    assert.deepEqual([report.outcome, report.newBills, report.warningCount], ['imported', 4, 1])
    assert.deepEqual(report.warnings, [{ line: 5, code: 'bill_repeated', found: 'W9', expected: 'W1' }])
  }),
)

test('two rows with one number and different content refuse the file', () =>
  refuses(gb(HEADER + ROW_A + ROW_B.replace('W2', 'W1')), 'duplicate_conflict', 3))

test(
  'a changed name is sealed anew although its mask is the same',
  fresh(async k => {
    await take(k, gb(HEADER + ROW_A))
    await take(k, gb(HEADER + ROW_A.replace('示例户甲', '示例户新').replace('W1', 'W9')))
    const row = await k.db.read(1, tx =>
      tx.one<{ id: string; holder_sealed: Buffer }>(sql`select id, holder_sealed from billing.account where tenant_id = 1`),
    )
    assert.equal(k.vault.open(1, holderCell(row.id), row.holder_sealed), '示例户新')
  }),
)

test(
  'cells that look like formulas stay text',
  fresh(async k => {
    const name = "=cmd|'/c calc'!A1"
    await take(k, gb(HEADER + ROW_A.replace('示例户甲', name).replace('青砖一村3幢2单元401', '+SUM(A1)\\t\\N')))
    const row = await k.db.read(1, tx =>
      tx.one<{ id: string; holder_sealed: Buffer }>(sql`select id, holder_sealed from billing.account where tenant_id = 1`),
    )
    assert.equal(k.vault.open(1, holderCell(row.id), row.holder_sealed), name)
  }),
)

test('UTF-8 bytes in a GB18030 file are refused with their line', async () => {
  const report = await take(kernel, Buffer.concat([gb(HEADER + ROW_A), Buffer.from([0x31, 0xff, 0x2c, 0x0a])]))
  assert.deepEqual(
    [report.outcome, report.errors[0]?.code, report.errors[0]?.line, report.errors[0]?.column],
    ['refused', 'encoding', 3, 1],
  )
})
test('a file in the other encoding is refused at its header', async () => {
  const report = await take(kernel, Buffer.from(HEADER + ROW_A, 'utf8'))
  assert.equal(report.outcome, 'refused')
  assert.ok(['encoding', 'header_mismatch'].includes(report.errors[0]!.code))
})
test('columns in another order are refused', () =>
  refuses(gb(HEADER.replace('水费,污水处理费', '污水处理费,水费') + ROW_A), 'header_mismatch', 1, 5))
test('a wrong check digit is refused', () => refuses(gb(HEADER + ROW_A + ROW_B.replace('1078932884', '1078932885')), 'account_no', 3, 1))
test('fee lines that miss the total by one fen are refused', () =>
  refuses(gb(HEADER + ROW_A.replace('74.40', '74.41')), 'amount_sum', 2, 7))
test('each cell of a row is told once, whatever else is wrong with the row', async () => {
  const row = ROW_A.replace('1045333141', '1045333142')
    .replace('202607-202608', '2026')
    .replace('51.60', 'x')
    .replace('2026/09/30', '2026-09-30')
  const report = await take(kernel, gb(HEADER + row + ROW_B.replace('37.20', '37.21')))
  assert.deepEqual(
    report.errors.map(e => [e.line, e.column, e.code]),
    [
      [2, 1, 'account_no'],
      [2, 4, 'period'],
      [2, 5, 'amount'],
      [2, 8, 'date'],
      [3, 7, 'amount_sum'],
    ],
  )
})
test('a third decimal is refused, not rounded', () => refuses(gb(HEADER + ROW_A.replace('51.60', '51.605')), 'amount', 2, 5))
test('a negative amount is refused', () => refuses(gb(HEADER + ROW_A.replace('51.60', '-51.60')), 'amount', 2, 5))
test('a day that does not exist is refused', () => refuses(gb(HEADER + ROW_A.replace('2026/09/30', '2026/09/31')), 'date', 2, 8))
test('a period that runs backwards is refused', () => refuses(gb(HEADER + ROW_A.replace('202607-202608', '202608-202607')), 'period', 2, 4))
test('a missing column is refused', () => refuses(gb(HEADER + ROW_A.replace('示例户甲,', '')), 'column_count', 2))
test('a quote that never closes is refused', () =>
  refuses(gb(HEADER + ROW_A.replace('示例户甲', '"示例户甲') + ROW_B.replaceAll('"', '') + ROW_C), 'quote', 2))
test('a control character is refused', () => refuses(gb(HEADER + ROW_A.replace('示例户甲', '示例\u0007户')), 'control_character', 2, 2))
test('a line without end is refused', () => refuses(gb(HEADER + 'x'.repeat(400_000)), 'line_too_long', 2))
test('a zip archive in place of a text file is told to be one', () =>
  refuses(Buffer.concat([Buffer.from('PK\x03\x04\x14\x00', 'latin1'), gb(`a.csv${HEADER}${ROW_A}`)]), 'packed', 0))
test('a file cut within a character is refused at its line', async () => {
  const whole = gb(HEADER + ROW_A + ROW_B)
  const cut = whole.subarray(0, gb(HEADER + ROW_A).length + gb('1078932884,"示').length - 1)
  await refuses(cut, 'quote', 3)
  const plain = gb(HEADER + ROW_A).subarray(0, gb(HEADER).length + gb('1045333141,示').length - 1)
  await refuses(plain, 'no_final_newline', 2)
  await refuses(Buffer.concat([plain, Buffer.from('\n')]), 'encoding', 2, 2)
})
test('a file without rows is refused', () => refuses(gb(HEADER), 'no_rows', 0))
test('a summary record is told apart: unreadable, in the other unit, of another sum', async () => {
  const bills = waterConfig.mappings.bills as Record<string, unknown>
  const mapping = { ...bills, trailer: { prefix: '合计', pattern: '^合计,(?<count>\\d+),(?<total>[\\d.]+)$', unit: 'yuan' } }
  const ending = async (last: string) => {
    const { outcome, errors } = await take(kernel, gb(`${HEADER}${ROW_A}${ROW_B}${last}\r\n`), { mapping, dryRun: true })
    return [outcome, errors[0]?.line, errors[0]?.code, errors[0]?.found, errors[0]?.expected]
  }
  assert.equal((await ending('合计,2,111.60'))[0], 'checked')
  assert.deepEqual(await ending('合计,2,11160'), ['refused', 4, 'record_unit', '11160.00', '111.60 yuan'])
  assert.deepEqual(await ending('合计,2,111.70'), ['refused', 4, 'record_total', '111.70', '111.60 yuan'])
  const [outcome, line, code, found] = await ending('合计,2,111.60 元')
  assert.deepEqual([outcome, line, code, found], ['refused', 4, 'trailer_malformed', '合计,2,111.60 元'])
  assert.deepEqual(await traces(kernel), NOTHING)
})
test('all errors are counted and the first hundred listed', async () => {
  const report = await take(kernel, gb(HEADER + ROW_A.replace('74.40', '1.00').repeat(250)))
  assert.deepEqual([report.errorCount, report.errors.length, report.rows], [250, 100, 250])
})
test('names never appear in an error', async () => {
  const report = await take(kernel, gb(HEADER + ROW_A.replace('示例户甲', `秘密${'长'.repeat(300)}`)))
  assert.equal(report.errors[0]?.code, 'text_too_long')
  assert.ok(!JSON.stringify(report).includes('秘密'))
})
test(
  'a quoted cell may hold quotes and delimiters',
  fresh(async k => {
    const report = await take(k, gb(HEADER + ROW_A.replace('青砖一村3幢2单元401', '"青砖一村 ""老"" 3幢, 2单元"') + ROW_B))
    assert.equal(report.outcome, 'imported')
  }),
)

test('only those who may import do', async () => {
  const ctx = { ...systemCtx(kernel, 1, 'test'), actor: { kind: 'staff' as const, id: 's', permissions: new Set<string>() } }
  const result = await importBills(ctx, { billerId: 'water', path: '/dev/null', fileName: 'x' })
  assert.ok(!result.ok && result.error.code === 'access.denied')
})
test('an unknown biller and a broken mapping are named', async () => {
  const ctx = systemCtx(kernel, 1, 'test')
  const unknown = await importBills(ctx, { billerId: 'nobody', path: '/dev/null', fileName: 'x' })
  assert.ok(!unknown.ok && unknown.error.code === 'billing.biller_not_found')
  const broken = await importBills(ctx, { billerId: 'water', path: '/dev/null', fileName: 'x', mapping: { format: 'csv' } })
  assert.ok(!broken.ok && broken.error.code === 'billing.mapping_malformed')
})
