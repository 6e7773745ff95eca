import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { seededRandom } from '#kernel/random.ts'
import { unwrap } from '#kernel/result.ts'
import { type ImportReport, importBills, registerBiller } from '#modules/billing/index.ts'
import { generators, type SeedRow, serialNumbers } from '../bills.ts'
import { type BillerContent, billers, getBiller } from '../content.ts'
import { type Cycle, listCycles } from '../cycles.ts'
import { inventHouseholds } from '../households.ts'
import { type Contents, renderFile, type Value } from '../render.ts'

const households = inventHouseholds(30, 'layouts')

/** The rows of the newest cycle of a biller. */
function newest(b: BillerContent): { cycle: Cycle; rows: SeedRow[]; contents: Contents } {
  const cycles = listCycles(b.id, '2026-11-22')
  const random = seededRandom(`layouts:${b.id}`)
  const serial = serialNumbers(b.id)
  const cycle = cycles.at(-1)!
  const rows = households
    .flatMap(h => (h.accounts[b.id] ? [...generators[b.id](b, h, h.accounts[b.id]!, cycles, random, serial, false)] : []))
    .filter(row => row.cycle === cycle)
  return { cycle, rows, contents: contentsOf(rows, cycle.issuedOn) }
}

const contentsOf = (rows: readonly SeedRow[], madeOn: string): Contents => ({
  rows: rows.map(row => row.values),
  count: rows.length,
  totalFen: rows.reduce((sum, row) => sum + row.amountFen, 0),
  madeOn,
})

const register = async (kernel: Kernel, b: BillerContent): Promise<void> =>
  unwrap(
    await registerBiller(systemCtx(kernel, 1, 'test'), {
      id: b.id,
      nameZh: b.zh,
      nameEn: b.en,
      serviceZh: b.service_zh,
      serviceEn: b.service_en,
      unit: b.unit,
      config: {
        account: b.account,
        late_fee: b.late_fee,
        partial_payment: b.partial_payment,
        posting_window_min: 60,
        cycle_months: 1,
        mappings: { bills: b.mapping },
      },
      tariffs: [],
    }),
  )

async function take(kernel: Kernel, b: BillerContent, bytes: Buffer, dryRun = false): Promise<ImportReport> {
  const folder = mkdtempSync(join(tmpdir(), 'yimen-layout-test-'))
  try {
    const path = join(folder, 'file')
    writeFileSync(path, bytes)
    return unwrap(await importBills(systemCtx(kernel, 1, 'test'), { billerId: b.id, path, fileName: 'file', dryRun }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const countBills = (kernel: Kernel) =>
  kernel.db.read(1, tx => tx.one<{ n: number }>(sql`select count(*)::int as n from billing.bill where tenant_id = 1`)).then(row => row.n)

for (const b of billers) {
  test(`${b.id}: what the layout renders is what is stored`, () =>
    withTestDb(async kernel => {
      await register(kernel, b)
      const { cycle, rows, contents } = newest(b)
      const report = await take(kernel, b, await renderFile(b.mapping, contents))
      assert.deepEqual([report.outcome, report.errors, report.newBills, report.totalFen], ['imported', [], rows.length, contents.totalFen])
      const stored = await kernel.db.read(1, tx =>
        tx.rows<{ account_no: string; amount_fen: number; due_on: string; period_from: string; period_to: string }>(sql`
          select a.account_no, b.amount_fen, b.due_on, b.period_from, b.period_to from billing.bill b
          join billing.account a on a.tenant_id = b.tenant_id and a.id = b.account_id where b.tenant_id = 1 order by a.account_no`),
      )
      const at = b.mapping.columns.findIndex(c => c.name === b.mapping.bill.account_no)
      const expected = rows
        .map(row => ({
          account_no: String(row.values[at]),
          amount_fen: row.amountFen,
          due_on: cycle.dueOn,
          period_from: cycle.from,
          period_to: cycle.to,
        }))
        .sort((x, y) => (x.account_no < y.account_no ? -1 : 1))
      assert.deepEqual(stored, expected)
    }))
}

const amountColumn = { power: 7, heating: 6, gas: 8 } as const

for (const id of ['power', 'heating', 'gas'] as const) {
  const b = getBiller(id)
  test(`${id}: a summary that counts or sums differently refuses the file`, () =>
    withTestDb(async kernel => {
      await register(kernel, b)
      const { contents } = newest(b)
      const sum = await take(kernel, b, await renderFile(b.mapping, { ...contents, totalFen: contents.totalFen + 1 }))
      assert.deepEqual([sum.outcome, sum.errors[0]?.code], ['refused', 'record_total'])
      const swapped = contents.rows.map((row, i): readonly Value[] =>
        i === 0 ? row.with(amountColumn[id], (row[amountColumn[id]] as number) + 1) : row,
      )
      const row = await take(kernel, b, await renderFile(b.mapping, { ...contents, rows: swapped }))
      assert.deepEqual([row.outcome, row.errors[0]?.code], ['refused', 'record_total'])
      if (id !== 'gas') {
        const count = await take(kernel, b, await renderFile(b.mapping, { ...contents, count: contents.count + 1 }))
        assert.deepEqual([count.outcome, count.errors[0]?.code], ['refused', 'record_count'])
      }
      assert.equal(await countBills(kernel), 0)
    }))
}

for (const b of billers) {
  test(`${b.id}: a file cut off anywhere is never half loaded`, () =>
    withTestDb(async kernel => {
      await register(kernel, b)
      const { contents } = newest(b)
      const bytes = await renderFile(b.mapping, contents)
      // Rows end where a layout without summary record could end by itself: only there a shorter file is a file.
      const hasProof = b.mapping.trailer !== undefined || b.mapping.format === 'xlsx'
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: bytes.length - 2 }), async cut => {
          const report = await take(kernel, b, bytes.subarray(0, cut), true)
          const endsRow = !hasProof && (bytes[cut - 1] === 10 || (b.mapping.format === 'json' && bytes[cut - 1] === 125))
          if (!endsRow) assert.equal(report.outcome, 'refused', `cut at ${cut} of ${bytes.length}`)
          assert.equal(await countBills(kernel), 0)
        }),
        { numRuns: 40 },
      )
    }))
}

test('a formula in a workbook is refused with its place', () =>
  withTestDb(async kernel => {
    const b = getBiller('property')
    await register(kernel, b)
    const { contents } = newest(b)
    const rows = contents.rows.map((row, i): readonly Value[] =>
      i === 1 ? row.with(6, { formula: '1+1', result: 2 } as unknown as Value) : row,
    )
    const report = await take(kernel, b, await renderFile(b.mapping, { ...contents, rows }))
    assert.deepEqual(
      [report.outcome, report.errors[0]?.code, report.errors[0]?.line, report.errors[0]?.column],
      ['refused', 'formula', 3, 7],
    )
  }))
